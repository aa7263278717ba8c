/** `POST /api/images`, and requests that name what it keeps, or a path on the server. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KeyHolder } from "../src/ports.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";

const [RED, BLUE] = [Buffer.from("red"), Buffer.from("blue")];
const HOLDERS = new Map<string, KeyHolder>([
  ["one", { role: "infer", name: "one" }],
  ["two", { role: "infer", name: "two" }],
]);

let service: FakeService;
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "menagerie-images-"));
  await writeFile(join(folder, "green.png"), "green");
  service = await startFakeService(
    { imagesDir: folder, anonymousRole: "none", requestsPerWindowMax: 0 },
    { find: (key) => HOLDERS.get(key) },
  );
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true });
});

type Parts = Parameters<typeof form>[0];
const as = (key: string) => ({ "x-api-key": key, accept: "application/json" });
const post = async (path: string, parts: Parts, key = "one") => {
  const response = await fetch(`${service.url}${path}`, { method: "POST", body: form(parts), headers: as(key) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
const labelsOf = ({ body }: { body: Record<string, unknown> }) =>
  (body["results"] as { label: string; image: { name: string } }[]).map(({ label, image }) => [label, image.name]);

async function keep(image: Buffer, key = "one"): Promise<string> {
  const { status, body } = await post("/api/images", { image_file: image }, key);
  expect(status).toBe(201);
  return String(body["id"]);
}

describe("POST /api/images", () => {
  it("keeps an image of a form, and says what it is", async () => {
    const { status, body } = await post("/api/images", { image_file: RED });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: "photo.png",
      width: 8,
      height: 8,
      format: "png",
      bytes: 3,
      kept_ms: 600_000,
    });
  });

  it("keeps the raw body, and tells where it can be removed", async () => {
    const headers = { ...as("one"), "content-type": "image/png" };
    const response = await fetch(`${service.url}/api/images`, { method: "POST", body: RED, headers });
    expect(response.status).toBe(201);
    const { id } = (await response.json()) as { id: string };
    expect(response.headers.get("location")).toBe(`/api/images/${id}`);
  });

  it("refuses what is no image, none, and more than one", async () => {
    expect((await post("/api/images", { image_file: Buffer.from("none") })).body).toMatchObject({
      code: "image_unsupported",
    });
    expect((await post("/api/images", {})).body).toMatchObject({ code: "image_missing" });
    expect((await post("/api/images", { image_file: [RED, BLUE] })).body).toMatchObject({ code: "field_invalid" });
    expect((await post("/api/images", { image_file: RED, image_id: "x" })).body).toMatchObject({
      code: "field_invalid",
    });
  });

  it("refuses what its caller's share does not hold", async () => {
    const small = await startFakeService({ imagesKeptBytesMax: 2 });
    try {
      const response = await fetch(`${small.url}/api/images`, { method: "POST", body: form({ image_file: RED }) });
      expect(response.headers.get("retry-after")).toBe("2");
      expect(await response.json()).toMatchObject({ code: "overloaded" });
    } finally {
      await small.close();
    }
  });
});

describe("image_id", () => {
  it("is asked about again and again, and decoded once", async () => {
    const id = await keep(BLUE);
    const before = service.classifier.decodeCount;
    for (const parts of [{}, { top_k: "1" }, { crop: "0,0,1,1" }, { model: "colours" }]) {
      expect(labelsOf(await post("/infer", { image_id: id, ...parts }))).toEqual([["blue", "photo.png"]]);
    }
    expect((await post("/api/explain", { image_id: id })).body).toMatchObject({ label: "blue" });
    expect(service.classifier.decodeCount).toBe(before);
  });

  it("keeps its place among the images of a form", async () => {
    const id = await keep(BLUE);
    const answer = await post("/infer", { image_file: RED, image_id: [id, id], image_path: "green.png" });
    expect(labelsOf(answer).map(([label]) => label)).toEqual(["red", "blue", "blue", "green"]);
  });

  it("may stand in the query string, which a field of the form replaces", async () => {
    const [blue, red] = [await keep(BLUE), await keep(RED)];
    const response = await fetch(`${service.url}/infer?image_id=${blue}`, { method: "POST", headers: as("one") });
    expect(await response.json()).toMatchObject({ results: [{ label: "blue" }] });
    expect(labelsOf(await post(`/infer?image_id=${blue}`, { image_id: red }))).toHaveLength(1);
    const both = await post(`/infer?image_path=green.png`, { image_id: red });
    expect(labelsOf(both).map(([label]) => label)).toEqual(["red", "green"]);
  });

  it("of another caller is unknown", async () => {
    const id = await keep(BLUE);
    expect(await post("/infer", { image_id: id }, "two")).toMatchObject({
      status: 404,
      body: { code: "image_unknown" },
    });
    const removed = await fetch(`${service.url}/api/images/${id}`, { method: "DELETE", headers: as("two") });
    expect(removed.status).toBe(404);
    expect((await post("/infer", { image_id: id })).status).toBe(200);
  });

  it("is unknown once its image was removed", async () => {
    const id = await keep(BLUE);
    const remove = () => fetch(`${service.url}/api/images/${id}`, { method: "DELETE", headers: as("one") });
    expect((await remove()).status).toBe(204);
    expect((await remove()).status).toBe(404);
    expect((await post("/infer", { image_id: id })).body).toMatchObject({ code: "image_unknown" });
  });

  it("that is unknown fails alone among good images", async () => {
    const { status, body } = await post("/infer", { image_file: RED, image_id: "nope" });
    expect(status).toBe(200);
    expect(body["results"]).toMatchObject([
      { label: "red" },
      { image: { name: "nope" }, error: { code: "image_unknown" } },
    ]);
  });

  it("asks nobody without a key", async () => {
    const response = await fetch(`${service.url}/api/images`, { method: "POST", body: form({ image_file: RED }) });
    expect(response.status).toBe(401);
  });
});

describe("image_path", () => {
  it("names an image below the operator's folder, by which the answer calls it", async () => {
    expect(labelsOf(await post("/infer", { image_path: "green.png" }))).toEqual([["green", "green.png"]]);
    expect((await post("/api/images", { image_path: "green.png" })).body).toMatchObject({
      name: "green.png",
      bytes: 5,
    });
  });

  it("is field_invalid where it is malformed, and image_unknown where nothing lies there", async () => {
    expect(await post("/infer", { image_path: "../green.png" })).toMatchObject({
      status: 400,
      body: { code: "field_invalid" },
    });
    expect(await post("/infer", { image_path: "blue.png" })).toMatchObject({
      status: 404,
      body: { code: "image_unknown" },
    });
  });

  it("is off without a folder, and the service says so", async () => {
    const without = await startFakeService();
    try {
      const body = form({ image_path: "green.png" });
      const response = await fetch(`${without.url}/infer`, { method: "POST", body, headers: as("") });
      expect([response.status, await response.json()]).toMatchObject([400, { code: "field_invalid" }]);
      expect(await (await fetch(`${without.url}/api/service`)).json()).toMatchObject({ image_path: false });
      expect(await (await fetch(`${service.url}/api/service`)).json()).toMatchObject({ image_path: true });
    } finally {
      await without.close();
    }
  });
});
