/** `POST` and `DELETE /api/feedback`, `GET /api/models/{id}/accuracy`, and what `POST /infer` leaves behind. */
import { afterEach, describe, expect, it } from "vitest";
import type { Config } from "../src/config.js";
import type { ApiKeys, Role } from "../src/ports.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";
import { type FeedbackInFolder, openFeedback } from "./support/feedback.js";

let service: FakeService;
let remembered: FeedbackInFolder | undefined;
afterEach(async () => {
  await service.close();
  await remembered?.remove();
  remembered = undefined;
});

async function start(config: Partial<Config> = {}, apiKeys: ApiKeys | null = null): Promise<void> {
  remembered = await openFeedback();
  service = await startFakeService(config, apiKeys, undefined, remembered.feedback);
}

const HOLDERS: Readonly<Record<string, Role>> = { ann: "infer", bob: "infer", root: "admin" };
const KEYS: ApiKeys = {
  find: (key) => (HOLDERS[key] === undefined ? undefined : { name: key, role: HOLDERS[key] }),
};

const headersOf = (key?: string) => (key === undefined ? {} : { "x-api-key": key });

async function ask(images: readonly string[], key?: string, fields: Readonly<Record<string, string>> = {}) {
  const body = form({ image_file: images.map((image) => Buffer.from(image)), ...fields });
  const headers = { accept: "application/json", ...headersOf(key) };
  const response = await fetch(`${service.url}/infer`, { method: "POST", body, headers });
  return (await response.json()) as { request_id: string };
}

async function say(body: unknown, key?: string) {
  const headers = { "content-type": "application/json", ...headersOf(key) };
  const response = await fetch(`${service.url}/api/feedback`, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function accuracy(model = "colours", key?: string) {
  const response = await fetch(`${service.url}/api/models/${model}/accuracy`, { headers: headersOf(key) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function remove(requestId: string, key?: string): Promise<number> {
  const url = `${service.url}/api/feedback/${requestId}`;
  return (await fetch(url, { method: "DELETE", headers: headersOf(key) })).status;
}

describe("feedback", () => {
  it("is said of any answer of a request, and counted for its model", async () => {
    await start();
    const { request_id } = await ask(["red", "no image", "blue"]);
    expect(await say({ request_id, label: "red" })).toEqual({
      status: 200,
      body: { request_id, index: 0, label: "red", answered: "red", right: true },
    });
    expect(await say({ request_id, index: 2, label: "  a whale " })).toMatchObject({
      status: 200,
      body: { index: 2, label: "a whale", answered: "blue", right: false },
    });
    expect(await say({ request_id, index: 1, label: "red" })).toMatchObject({
      status: 404,
      body: { code: "request_unknown" },
    });
    expect(await accuracy()).toMatchObject({
      status: 200,
      body: {
        id: "colours",
        version: "1",
        answers: 2,
        n: 2,
        right: 1,
        top5: { right: 1, n: 2 },
        confusions: [{ label: "a whale", answered: "blue", n: 1 }],
      },
    });
  });

  it("counts no answer for which the request changed the model's settings, and none of fewer classes among the best five", async () => {
    await start();
    const changed = await ask(["red"], undefined, { normalization: "0..1" });
    expect(await say({ request_id: changed.request_id, label: "red" })).toMatchObject({ status: 200 });
    const fewer = await ask(["red"], undefined, { top_k: "1" });
    expect(await say({ request_id: fewer.request_id, label: "red" })).toMatchObject({ status: 200 });
    expect((await accuracy()).body).toMatchObject({ answers: 1, n: 1, top5: { right: 0, n: 0 } });
  });

  it.each<[string, unknown, RegExp]>([
    ["no request", { label: "red" }, /request_id/],
    ["an id that no request has", { request_id: "a\0b", label: "red" }, /request_id.*letters/],
    ["no label", { request_id: "a" }, /label/],
    ["an empty label", { request_id: "a", label: "  " }, /label/],
    ["a label of two lines", { request_id: "a", label: "red\nblue" }, /label.*one line/],
    ["a label that is too long", { request_id: "a", label: "x".repeat(201) }, /label.*200/],
    ["a place that is none", { request_id: "a", label: "red", index: -1 }, /index/],
    ["a place that is text", { request_id: "a", label: "red", index: "0" }, /index/],
    ["a misspelt field", { request_id: "a", lable: "red" }, /did you mean label/],
    ["a list", [1], /request_id|object/],
    ["an empty list", [], /^Send \{"request_id"/],
  ])("with %s is refused", async (_what, body, words) => {
    await start();
    expect(await say(body)).toMatchObject({
      status: 400,
      body: { code: "field_invalid", detail: expect.stringMatching(words) },
    });
  });

  it("is its asker's alone, which may take it back as an admin may", async () => {
    await start({ anonymousRole: "none" }, KEYS);
    const [first, second] = [await ask(["red"], "ann"), await ask(["blue"], "ann")];
    const unknown = { status: 404, body: { code: "request_unknown" } };
    expect(await say({ request_id: first.request_id, label: "red" }, "bob")).toMatchObject(unknown);
    expect(await say({ request_id: first.request_id, label: "red" }, "root")).toMatchObject(unknown);
    expect(await say({ request_id: first.request_id, label: "red" }, "ann")).toMatchObject({ status: 200 });
    expect(await remove(first.request_id, "bob")).toBe(404);
    expect(await remove(first.request_id, "ann")).toBe(204);
    expect(await remove(first.request_id, "ann")).toBe(404);
    expect(await remove(second.request_id, "root")).toBe(204);
    expect((await accuracy("colours", "bob")).body).toMatchObject({ answers: 0, n: 0 });
    expect(await remove(first.request_id)).toBe(401);
  });

  it("of an id that no request has is not looked for", async () => {
    await start();
    expect(await remove("a%00b")).toBe(404);
    expect(await remove("a".repeat(129))).toBe(404);
  });

  it("of models that are not there is not counted", async () => {
    await start();
    expect(await accuracy("nope")).toMatchObject({ status: 404, body: { code: "model_unknown" } });
    expect(await accuracy("colours@9")).toMatchObject({ status: 404, body: { code: "version_unknown" } });
  });

  it("is not taken where nothing is remembered", async () => {
    service = await startFakeService();
    const { request_id } = await ask(["red"]);
    const off = { status: 404, body: { code: "not_found", detail: expect.stringContaining("FEEDBACK=off") } };
    expect(await say({ request_id, label: "red" })).toMatchObject(off);
    expect(await accuracy()).toMatchObject(off);
    expect(await (await fetch(`${service.url}/api/service`)).json()).toMatchObject({ feedback: false });
  });
});
