/** Each run that docs/command.md shows, repeated in its order in a folder that has what the page says. */
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { COLOURS, meanColourGraph } from "../support/graph-def.js";
import { CLI_FILE } from "../support/paths.js";
import { solidPng } from "../support/png.js";
import { HISTOGRAM } from "../support/programs.js";
import { type RunningServer, startServer } from "../support/server.js";
import { patternOf, withoutSpace } from "../support/shown-runs.js";

const page = readFileSync(join(ROOT_DIR, "docs/command.md"), "utf8");

/** Each `$ command` of the page's console blocks, with what it prints below it. */
const SHOWN = [...page.matchAll(/```console\n\$ npx menagerie (.+)\n([^`]*)```/g)].map(
  ([, command = "", output = ""]) => ({
    command,
    output,
  }),
);

const PHOTOS = { red: [255, 0, 0], green: [0, 255, 0], blue: [0, 0, 255] } as const;

let dir: string;
let service: RunningServer;
let source: Server;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "menagerie-docs-"));
  const graph = meanColourGraph();
  writeFileSync(join(dir, "colours.pb"), graph);
  writeFileSync(join(dir, "colours.txt"), COLOURS);
  writeFileSync(join(dir, "MIT.txt"), "The MIT License");
  copyFileSync(HISTOGRAM, join(dir, "histogram.py"));
  writeFileSync(join(dir, "classes.json"), "[[[255, 0, 0]], [[0, 255, 0]]]");
  for (const [colour, rgb] of Object.entries(PHOTOS)) {
    mkdirSync(join(dir, "photos", colour), { recursive: true });
    writeFileSync(join(dir, "photos", colour, "1.png"), solidPng(64, 48, rgb));
  }
  for (const [shade, from] of Object.entries({ dark: 0, light: 160 })) {
    mkdirSync(join(dir, "shades", shade), { recursive: true });
    for (let step = 0; step < 12; step += 1) {
      const rgb = [from + 7 * step, from + ((31 * step) % 84), from + ((53 * step) % 84)] as const;
      writeFileSync(join(dir, "shades", shade, `${step}.png`), solidPng(32, 32, rgb));
    }
  }
  const archive = execFileSync("tar", ["-czf", "-", "colours.pb"], { cwd: dir });
  source = createServer((_request, response) => response.end(archive)).listen(0, "127.0.0.1");
  await once(source, "listening");
  const net = {
    ...{ schema: 1, id: "net", version: "1", title: "A listed net", description: "", licence: "MIT" },
    graph: { file: "graph.pb", bytes: null, sha256: null },
    source: { url: `http://127.0.0.1:${(source.address() as AddressInfo).port}/net.tgz`, member: "colours.pb" },
    ...{ input: {}, output: {} },
  };
  mkdirSync(join(dir, "models"));
  writeFileSync(join(dir, "models/imagenet.json"), JSON.stringify({ schema: 1, models: [net] }));
  service = await startServer({ FEEDBACK_DIR: join(dir, "feedback"), KEEP_IMAGES: "1" });
  const headers = { accept: "application/json" };
  const body = new Uint8Array(solidPng(64, 48, PHOTOS.red));
  const asked = await fetch(`${service.url}/infer`, {
    method: "POST",
    headers: { ...headers, "content-type": "image/png" },
    body,
  });
  const { request_id } = (await asked.json()) as { request_id: string };
  await fetch(`${service.url}/api/feedback`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ request_id, label: "tulips" }),
  });
  // What is counted is written.
  await fetch(`${service.url}/api/models/flowers5/accuracy`);
}, 60_000);

afterAll(async () => {
  await service?.stop();
  source?.close();
  rmSync(dir, { recursive: true });
});

/** What a command prints on stdout, whatever its exit code. */
function run(command: string): Promise<string> {
  const local = command.replaceAll("http://localhost:8080", service.url);
  // The folder is named as the page names it.
  const env = { ...process.env, MODELS_DIR: "models", FEEDBACK_DIR: "feedback" };
  const script = `"${process.execPath}" "${CLI_FILE}" ${local}`;
  return new Promise((resolve) => {
    execFile("bash", ["-c", script], { cwd: dir, env }, (_error, stdout) => resolve(stdout));
  });
}

describe("docs/command.md", () => {
  it("shows every verb", async () => {
    const verbs = [...(await run("--help")).matchAll(/^ {2}(\w+)[ |]/gm)]
      .map(([, verb]) => verb)
      .filter((verb) => verb !== "help");
    expect(verbs.length).toBeGreaterThan(10);
    expect(SHOWN.map(({ command }) => command.split(" ")[0])).toEqual(expect.arrayContaining(verbs));
  });

  it.each(SHOWN.filter(({ command }) => command !== "serve"))(
    "$command prints what is shown",
    async ({ command, output }) => {
      expect(withoutSpace((await run(command)).replaceAll(service.url, "http://localhost:8080"))).toMatch(
        patternOf(output),
      );
    },
  );

  it.each(SHOWN.filter(({ command }) => command === "serve"))("$command serves", async ({ output }) => {
    const child = spawn(process.execPath, [CLI_FILE, "serve"], {
      cwd: dir,
      env: {
        ...process.env,
        MODELS_DIR: "models",
        PORT: "0",
        REGISTERED_MODELS_DIR: join(dir, "registered"),
        FEEDBACK_DIR: join(dir, "served-feedback"),
      },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [line] = await once(createInterface(child.stdout), "line");
    child.kill();
    await once(child, "close");
    expect(withoutSpace(String(line))).toMatch(patternOf(output));
  });
});
