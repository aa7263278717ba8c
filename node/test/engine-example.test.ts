/**
 * The engine of docs/examples in place of the real one: what docs/engine-protocol.md says is enough to write one.
 */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT_DIR } from "../src/config.js";
import { type RunningServer, startServer } from "./support/server.js";

const hasPython = spawnSync("python3", ["--version"]).status === 0;
if (!hasPython) {
  console.warn("the example engine skipped: there is no python3");
}

describe.skipIf(!hasPython)("the engine in docs/examples", () => {
  let emptyZoo: string;
  let service: RunningServer;

  beforeAll(async () => {
    emptyZoo = await mkdtemp(join(tmpdir(), "menagerie-test-"));
    service = await startServer({
      MODELS_DIR: emptyZoo,
      ENGINE_SPARES: "0",
      ENGINE_PATH: join(ROOT_DIR, "docs/examples/histogram.py"),
    });
  });

  afterAll(async () => {
    await service?.stop();
    await rm(emptyZoo, { recursive: true, force: true });
  });

  test.each([
    [0, "dark"],
    [255, "bright"],
  ])("an image of %i only is %s", async (value, label) => {
    const form = new FormData();
    form.set("model_file", new Blob(["[[[0, 0, 0]], [[255, 255, 255]]]"]), "graph.pb");
    form.set("label_file", new Blob(["dark\nbright\n"]), "labels.txt");
    form.set("image_file", new Blob([bmp(value)]), "image.bmp");
    const response = await fetch(`${service.url}/infer`, { method: "POST", body: form });
    expect(await response.text()).toBe(`Detected <b>${label}</b> with <u>very high</u> confidence.\n`);
  });

  test("readyz shows what it says of itself", async () => {
    const ready = (await (await fetch(`${service.url}/readyz`)).json()) as { engine: { sandbox: unknown } };
    expect(ready.engine.sandbox).toEqual({ held: [], missing: ["this is an example"] });
  });
});

/** A BMP of 4 x 4 pixels of one grey. */
function bmp(value: number): Buffer<ArrayBuffer> {
  const header = Buffer.alloc(54);
  const pixels = Buffer.alloc(4 * 4 * 3, value);
  header.write("BM");
  header.writeUInt32LE(header.length + pixels.length, 2);
  header.writeUInt32LE(header.length, 10);
  header.writeUInt32LE(40, 14);
  header.writeInt32LE(4, 18);
  header.writeInt32LE(4, 22);
  header.writeUInt16LE(1, 26);
  header.writeUInt16LE(24, 28);
  return Buffer.concat([header, pixels]);
}
