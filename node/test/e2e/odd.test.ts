/** Odd, broken and hostile files through the real service: each is answered or refused, and the service goes on. */
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { form } from "../support/fake-service.js";
import { runtimes, sharedFolder } from "../support/paths.js";
import { solidPng } from "../support/png.js";
import { serveColours } from "../support/server.js";

const images = sharedFolder("image-torture");
const graphs = sharedFolder("graphs-odd");

interface Row {
  readonly file: string;
  readonly special: string;
  readonly expected: string;
}

function manifestOf(folder: string | null): Row[] {
  if (folder === null) return [];
  const [head = "", ...lines] = readFileSync(join(folder, "manifest.tsv"), "utf8").trimEnd().split("\n");
  const column = (name: string) => head.split("\t").indexOf(name);
  const [file, special, expected] = [column("file"), column("what is special"), column("expected")];
  return lines.map((line) => {
    const cells = line.split("\t");
    return { file: cells[file] ?? "", special: cells[special] ?? "", expected: cells[expected] ?? "" };
  });
}

interface Outcome {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

const IMAGE_REFUSALS = ["image_unsupported", "image_undecodable", "image_too_large", "image_animated_limit"];
const RED = solidPng(16, 16, [255, 0, 0]);

async function infer(url: string, parts: Parameters<typeof form>[0]): Promise<Outcome> {
  const response = await fetch(`${url}/infer?format=json`, { method: "POST", body: form(parts) });
  const { code = "", detail = "" } = (await response.json()) as { code?: string; detail?: string };
  return { status: response.status, code, detail };
}

describe.skipIf(images === null)("every image of image-torture", () => {
  const server = serveColours();
  const rows = manifestOf(images);
  it("is there", () => {
    expect(rows.length).toBeGreaterThan(100);
  });

  it.each(rows)("$file ($special): $expected", async ({ file, expected }) => {
    const { status, code, detail } = await infer(server().url, { image_file: readFileSync(join(images ?? "", file)) });
    const answered = status === 200;
    if (expected === "decode") expect(answered, detail).toBe(true);
    if (expected === "refuse") expect(answered).toBe(false);
    if (!answered) expect(IMAGE_REFUSALS, detail).toContain(code);
    expect((await infer(server().url, { image_file: RED })).status).toBe(200);
  });
});

describe.skipIf(graphs === null).each(runtimes())("every graph of graphs-odd, on %s", (runtime) => {
  const server = serveColours({ RUNTIME: runtime });
  const rows = manifestOf(graphs);
  it("is there", () => {
    expect(rows.length).toBeGreaterThan(20);
  });

  it.each(rows)("$file: $expected", async ({ file, expected }) => {
    const labels = file.includes("mobilenet")
      ? Array.from({ length: 1001 }, (_, index) => `class ${index}`).join("\n")
      : "red\ngreen\nblue\n";
    const outcome = await infer(server().url, {
      image_file: RED,
      model_file: readFileSync(join(graphs ?? "", file)),
      label_file: Buffer.from(labels),
    });
    if (/^(valid: )?runs/.test(expected)) {
      expect(outcome.status, outcome.detail).toBe(200);
    } else if (expected.startsWith("say so")) {
      expect(outcome.code).toBe("engine_failed");
    } else {
      expect(outcome.code, outcome.detail).toMatch(/^graph_/);
      expect(outcome.detail.length).toBeGreaterThan(20);
    }
    for (const canary of ["zoo-canary-writefile", "zoo-canary-save"]) {
      expect(existsSync(join("/tmp", canary)) || existsSync(join(tmpdir(), canary))).toBe(false);
    }
    expect((await infer(server().url, { image_file: RED })).status).toBe(200);
  });
});
