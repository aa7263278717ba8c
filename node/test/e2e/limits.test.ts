/** Each limit of a request, from its environment variable to its answer. */
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Readiness } from "../../src/ports.js";
import { form } from "../support/fake-service.js";
import { COLOURS, meanColourGraph } from "../support/graph-def.js";
import { declaredPng, solidPng } from "../support/png.js";
import { makeColourZoo, type RunningServer, startServer } from "../support/server.js";

const RED = solidPng(16, 16, [255, 0, 0]);
const GRAPH = meanColourGraph(8, "own");
const LIMITS = {
  IMAGE_BYTES_MAX: "5000",
  IMAGE_PIXELS_MAX: "10000",
  IMAGE_SIDE_PIXELS_MAX: "200",
  IMAGES_PER_REQUEST_MAX: "3",
  MODELS_PER_REQUEST_MAX: "2",
  GRAPH_BYTES_MAX: String(GRAPH.length),
  LABELS_BYTES_MAX: "100",
  FIELD_BYTES_MAX: "50",
  FIELDS_PER_REQUEST_MAX: "4",
  REQUEST_BYTES_MAX: "20000",
  UPLOADS_HELD_BYTES_MAX: "40000",
};

let zoo: string;
let server: RunningServer;
beforeAll(async () => {
  zoo = await makeColourZoo();
  server = await startServer({ MODELS_DIR: zoo, ...LIMITS });
});
afterAll(async () => {
  await server.stop();
  await rm(zoo, { recursive: true });
});

type Parts = Parameters<typeof form>[0];

async function outcomeOf(parts: Parts): Promise<string> {
  const headers = { accept: "application/json" };
  const response = await fetch(`${server.url}/infer`, { method: "POST", body: form(parts), headers });
  const { code } = (await response.json()) as { code?: string };
  return `${response.status} ${code ?? "answered"}`;
}

const own = (graph: Uint8Array, labels: Uint8Array): Parts => ({
  image_file: RED,
  model_file: graph,
  label_file: labels,
});
/** Empty fields count as absent, and to the limit all the same. */
const fields = (count: number): Parts => ({ image_file: RED, model: Array.from({ length: count }, () => "") });

it.each<[string, Parts, Parts, string]>([
  ["IMAGE_BYTES_MAX", { image_file: RED }, { image_file: Buffer.alloc(5001) }, "413 upload_too_large"],
  [
    "IMAGE_PIXELS_MAX",
    { image_file: solidPng(100, 100, [255, 0, 0]) },
    { image_file: declaredPng(101, 100) },
    "422 image_too_large",
  ],
  [
    "IMAGE_SIDE_PIXELS_MAX",
    { image_file: solidPng(200, 1, [255, 0, 0]) },
    { image_file: declaredPng(201, 1) },
    "422 image_too_large",
  ],
  [
    "IMAGES_PER_REQUEST_MAX",
    { image_file: [RED, RED, RED] },
    { image_file: [RED, RED, RED, RED] },
    "400 field_invalid",
  ],
  [
    "MODELS_PER_REQUEST_MAX",
    { image_file: RED, model: ["colours", "colours@1"] },
    { image_file: RED, model: ["colours", "colours@1", "waste6"] },
    "400 field_invalid",
  ],
  [
    "GRAPH_BYTES_MAX",
    own(GRAPH, COLOURS),
    own(Buffer.concat([GRAPH, Buffer.alloc(1)]), COLOURS),
    "413 upload_too_large",
  ],
  ["LABELS_BYTES_MAX", own(GRAPH, COLOURS), own(GRAPH, Buffer.alloc(101, "a")), "413 upload_too_large"],
  [
    "FIELD_BYTES_MAX",
    { image_file: RED, top_k: "5".padStart(49, "0") },
    { image_file: RED, top_k: "5".padStart(51, "0") },
    "413 upload_too_large",
  ],
  ["FIELDS_PER_REQUEST_MAX", fields(4), fields(5), "413 upload_too_large"],
  [
    "REQUEST_BYTES_MAX",
    { image_file: RED },
    { image_file: [Buffer.alloc(4900), Buffer.alloc(4900), Buffer.alloc(4900)], model_file: Buffer.alloc(6000) },
    "413 upload_too_large",
  ],
])("%s is taken as it is set, and refused past it", async (_limit, within, past, refusal) => {
  expect(await outcomeOf(within)).toBe("200 answered");
  expect(await outcomeOf(past)).toBe(refusal);
  expect(await outcomeOf(within)).toBe("200 answered");
});

it("UPLOADS_HELD_BYTES_MAX bounds what has arrived and waits, and no declared length counts", async () => {
  const { hostname, port } = new URL(server.url);
  const upload = (bytes: number) => {
    const socket = connect(Number(port), hostname);
    socket.write(
      "POST /infer?format=json HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 4990\r\n\r\n",
    );
    socket.write(Buffer.alloc(bytes));
    return socket;
  };
  const slow = Array.from({ length: 4 }, () => upload(4900));
  await expect.poll(async () => (await readiness()).held.bytes).toBe(4 * 4900);
  const [refused] = (await once(upload(4900), "data")) as [Buffer];
  expect(refused.toString()).toMatch(/^HTTP\/1.1 503 .*"code":"overloaded"/s);
  for (const socket of slow) socket.destroy();
  await expect.poll(async () => (await readiness()).held.bytes).toBe(0);
  const declared = Array.from({ length: 20 }, () => upload(1));
  expect(await outcomeOf({ image_file: RED })).toBe("200 answered");
  for (const socket of declared) socket.destroy();
});

async function readiness(): Promise<Readiness> {
  return (await (await fetch(`${server.url}/readyz`)).json()) as Readiness;
}
