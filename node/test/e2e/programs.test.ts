/**
 * Programs in place of graphs: the template in Rust, the example in Python and a one-shot program serve models; those with
 * one thing wrong are answered for by a typed error, and the others do not notice.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../../src/config.js";
import { solidPng } from "../support/png.js";
import { addHistogram, addProgram, buildTemplate, PYTHON_DIR } from "../support/programs.js";
import { type RunningServer, startServer } from "../support/server.js";

if (PYTHON_DIR === null) console.warn("programs skipped: there is no python3");

const BUILD_MS_MAX = 300_000;

/** Scores by the channel that is brightest; its model is its own file, of which it is sent nothing. */
const ONE_SHOT = `#!/usr/bin/env python3
import json, sys
model_bytes, _, _, width, height = sys.argv[-5:]
assert sys.argv[1:-5] == ["--quietly"], sys.argv
pixels = sys.stdin.buffer.read()[int(model_bytes):]
assert len(pixels) == int(width) * int(height) * 3
sums = [sum(pixels[channel::3]) + 1 for channel in range(3)]
print(json.dumps([value / sum(sums) for value in sums]))
`;

/** Each wrong in one way: what is changed, the code that clients get, and a part of the message. */
const WRONG: Readonly<Record<string, { change: readonly [string, string]; code: string; says: RegExp }>> = {
  silent: {
    change: ["send_json(HELLO, 0,", "sys.stdin.read(); dict("],
    code: "engine_unavailable",
    says: /did not say hello within/,
  },
  broken: {
    change: ["model = None", "model = None\nprint('ready', flush=True)"],
    code: "engine_failed",
    says: /no frame/,
  },
  "lying-scores": {
    change: ["images, len(classes)", "images, 1 + len(classes)"],
    code: "engine_failed",
    says: /scores/,
  },
  "lying-size": { change: ['"width": SIDE', '"width": 100000'], code: "engine_failed", says: /input\.width is 100000/ },
  slow: {
    change: ["        seen =", "        __import__('time').sleep(600)\n        seen ="],
    code: "engine_timeout",
    says: /did not answer within/,
  },
  dying: { change: ["        seen =", "        sys.exit(3)\n        seen ="], code: "engine_failed", says: /code 3/ },
};

describe.skipIf(PYTHON_DIR === null)("programs of the zoo", () => {
  let zoo: string;
  let service: RunningServer;

  beforeAll(async () => {
    zoo = await mkdtemp(join(tmpdir(), "menagerie-programs-"));
    await addHistogram(zoo, "histogram");
    const template = buildTemplate();
    await addProgram(zoo, { id: "template", program: template, model: "255 0 0\n0 255 0\n0 0 255\n" });
    const input = { width: 8, height: 8 };
    const oneShot = { text: ONE_SHOT };
    await addProgram(zoo, { id: "one-shot", program: oneShot, arguments: ["--quietly"], protocol: "once", input });
    for (const [id, { change }] of Object.entries(WRONG)) await addHistogram(zoo, id, change);
    service = await startServer({
      MODELS_DIR: zoo,
      ENGINE_SPARES: "0",
      ENGINE_START_MS_MAX: "10000",
      ENGINE_RUN_MS_MAX: "5000",
      ENGINE_FIRST_RUN_MS_MAX: "5000",
      PROGRAM_READ_PATHS: [...readConfig().programReadPaths, PYTHON_DIR].join(","),
    });
  }, BUILD_MS_MAX);

  afterAll(async () => {
    await service?.stop();
    await rm(zoo, { recursive: true, force: true });
  });

  const infer = async (model: string, colour: readonly [number, number, number]) => {
    const form = new FormData();
    form.set("model", model);
    form.set("image_file", new Blob([new Uint8Array(solidPng(8, 8, colour))]), "image.png");
    return await fetch(`${service.url}/infer`, { method: "POST", body: form });
  };

  test.each(["histogram", "template", "one-shot"])("%s answers", async (model) => {
    const sentence = async (...colour: [number, number, number]) => await (await infer(model, colour)).text();
    expect(await sentence(250, 10, 10)).toMatch(/^Detected <b>red<\/b> with <u>[a-z ]+<\/u> confidence\.\n$/);
    expect(await sentence(10, 250, 10)).toContain("<b>green</b>");
    expect(await sentence(10, 10, 250)).toContain("<b>blue</b>");
  });

  test("readyz says which are loaded, and what holds of their cells", async () => {
    const { engine } = (await (await fetch(`${service.url}/readyz`)).json()) as {
      engine: { programs: { model: string; engine: string; sandbox: { held: string[]; missing: string[] } }[] };
    };
    const programs = Object.fromEntries(engine.programs.map(({ model, ...facts }) => [model, facts]));
    expect(programs["histogram"]?.engine).toBe("histogram 1.0");
    expect(programs["template"]?.engine).toBe("colours 0.1.0");
    const said = ({ held, missing }: { held: string[]; missing: string[] }) => [...held, ...missing].join(" ");
    expect(said(programs["histogram"]?.sandbox ?? { held: [], missing: [] })).toMatch(/landlock.*seccomp/);
  });

  test.each(Object.entries(WRONG))("one that is %s is a typed error, and others do not notice", async (id, wrong) => {
    const [response, other] = await Promise.all([infer(id, [250, 10, 10]), infer("histogram", [250, 10, 10])]);
    expect(await response.json()).toMatchObject({ code: wrong.code, error: expect.stringMatching(wrong.says) });
    expect(await other.text()).toContain("<b>red</b>");
  });

  test("a client cannot name one", async () => {
    const form = new FormData();
    form.set("id", "mine");
    form.set("model_file", new Blob(["any bytes"]), "graph.pb");
    form.set("manifest", JSON.stringify({ engine: { program: "histogram.py" } }));
    const response = await fetch(`${service.url}/api/models`, { method: "POST", body: form });
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining("engine: must be left out"),
    ]);
  });

  test("a client does not get its file", async () => {
    expect((await fetch(`${service.url}/api/models/one-shot/graph`)).status).toBe(404);
  });
});

test("a program that is not executable is listed as failed, with what to do", async () => {
  const zoo = await mkdtemp(join(tmpdir(), "menagerie-programs-"));
  await addProgram(zoo, { id: "stiff", program: { text: "#!/bin/sh\n" } });
  await chmod(join(zoo, "stiff/program"), 0o644);
  const service = await startServer({ MODELS_DIR: zoo, ENGINE_SPARES: "0" });
  try {
    const { models } = (await (await fetch(`${service.url}/api/models`)).json()) as { models: object[] };
    expect(models[0]).toMatchObject({ state: "failed", problem: expect.stringContaining("chmod +x") });
  } finally {
    await service.stop();
    await rm(zoo, { recursive: true, force: true });
  }
});
