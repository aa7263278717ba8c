/** What only the client of `menagerie/client` has: signals, and images in the forms that JavaScript has them in. */
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { createClient, type Image } from "../src/client/index.js";
import { type FakeService, startFakeService } from "./support/fake-service.js";
import { problem, startScripted } from "./support/scripted-service.js";

describe("a signal", () => {
  const reason = new Error("enough");

  it("ends a call that waits for its answer", async () => {
    const { url, seen } = await startScripted("hang");
    const controller = new AbortController();
    const call = createClient(url).classify(Buffer.from("red"), { signal: controller.signal });
    const outcome = expect(call).rejects.toBe(reason);
    await expect.poll(() => seen).toHaveLength(1);
    controller.abort(reason);
    await outcome;
  });

  it("ends a call that waits for its next try", async () => {
    const { url, seen } = await startScripted(problem(503, "overloaded", { "retry-after": "25" }));
    const controller = new AbortController();
    const call = createClient(url).service({ signal: controller.signal });
    const outcome = expect(call).rejects.toBe(reason);
    await expect.poll(() => seen).toHaveLength(1);
    controller.abort(reason);
    await outcome;
    expect(seen).toHaveLength(1);
  });

  it("that was given before the call lets nothing go out", async () => {
    const { url, seen } = await startScripted("hang");
    await expect(createClient(url).service({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(seen).toEqual([]);
  });
});

describe("an image", () => {
  let service: FakeService;
  beforeAll(async () => {
    service = await startFakeService({}, null, async (url) => Buffer.from(url.includes("blue") ? "blue" : "red"));
  });
  afterAll(() => service.close());

  const red = new TextEncoder().encode("red");

  it.each<[string, Image, { name: string; label: string }]>([
    ["a Uint8Array", red, { name: "image-1", label: "red" }],
    ["an ArrayBuffer", red.buffer, { name: "image-1", label: "red" }],
    ["a Blob", new Blob([red]), { name: "image-1", label: "red" }],
    ["a File, whose name is kept", new File([red], "ré d.png"), { name: "ré d.png", label: "red" }],
    [
      "an address",
      { image_url: "http://pictures.test/blue.png" },
      { name: "http://pictures.test/blue.png", label: "blue" },
    ],
  ])("is %s", async (_form, image, { name, label }) => {
    expect(await createClient(service.url).classify(image)).toMatchObject({ label, image: { name } });
  });

  it("is no promise of one, and no number", async () => {
    const client = createClient(service.url);
    const promised = Promise.resolve(red) as unknown as Uint8Array;
    await expect(client.classify(promised)).rejects.toThrow("[object Promise] is no file; give a Blob");
    await expect(client.teach.putPhoto("x", 5 as unknown as Uint8Array, "red")).rejects.toThrow("5 is no file");
  });

  it("keeps its place among addresses", async () => {
    const { results } = await createClient(service.url).infer([
      red,
      { image_url: "http://pictures.test/blue.png" },
      red,
    ]);
    expect(results.map((item) => ("error" in item ? item.error.code : item.label))).toEqual(["red", "blue", "red"]);
  });
});

test("what is no address of a service is refused at once", () => {
  for (const url of ["localhost", "localhost:8080"]) expect(() => createClient(url)).toThrow(TypeError);
});
