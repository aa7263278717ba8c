/** `image_url` in a request: its place among the images, its limits, its problems. */
import { afterEach, expect, it } from "vitest";
import type { Config } from "../src/config.js";
import { AppError, type Problem } from "../src/errors.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";

const [RED, GREEN] = [Buffer.from("red"), Buffer.from("green")];
const AT = "https://photos.example/";

const open: FakeService[] = [];
async function start(config: Partial<Config> = {}): Promise<FakeService> {
  const service = await startFakeService(config, null, async (url) => {
    if (!url.startsWith(AT)) throw new AppError("url_forbidden", "It is none of the hosts.");
    return Buffer.from(url.slice(AT.length));
  });
  open.push(service);
  return service;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((service) => service.close()));
});

interface Item {
  image: { name: string };
  label?: string;
  error?: Problem;
}

async function ask(service: FakeService, body: RequestInit["body"], query = "", headers = {}) {
  const init = { method: "POST", body: body ?? null, headers: { accept: "application/json", ...headers } };
  const response = await fetch(`${service.url}/infer${query}`, init);
  const answer = (await response.json()) as { results?: Item[] } & Partial<Problem>;
  return { status: response.status, code: answer.code, detail: answer.detail, items: answer.results ?? [] };
}

const outcomes = (items: Item[]) => items.map(({ label, error }) => label ?? error?.code);

it("an image at an address is classified under that address", async () => {
  const { items } = await ask(await start(), form({ image_url: `${AT}red` }));
  expect(items).toMatchObject([{ label: "red", image: { name: `${AT}red` } }]);
});

it("images and addresses are answered in the order of the form, each by each model", async () => {
  const body = new FormData();
  body.append("image_url", `${AT}green`);
  body.append("image_file", new Blob([RED]), "a.png");
  body.append("image_file", new Blob([]), "");
  body.append("image_url", "");
  body.append("image_url", `${AT}red`);
  body.append("image_file", new Blob([GREEN]), "b.png");
  for (const model of ["colours", "colours@1"]) body.append("model", model);
  const { items } = await ask(await start(), body);
  expect(items.map(({ image }) => image.name)).toEqual(
    [`${AT}green`, "a.png", `${AT}red`, "b.png"].flatMap((name) => [name, name]),
  );
  expect(outcomes(items)).toEqual(["green", "red", "red", "green"].flatMap((label) => [label, label]));
});

it("an address goes into the query as well, alone or after a raw body", async () => {
  const service = await start();
  const query = `?image_url=${encodeURIComponent(`${AT}red`)}`;
  expect(outcomes((await ask(service, null, query)).items)).toEqual(["red"]);
  const raw = await ask(service, GREEN, query, { "content-type": "image/png" });
  expect(outcomes(raw.items)).toEqual(["green", "red"]);
  const inForm = await ask(service, form({ image_file: GREEN }), query);
  expect(outcomes(inForm.items)).toEqual(["green", "red"]);
});

it("an address that fails among images fails alone, and alone is the answer", async () => {
  const service = await start();
  const { status, items } = await ask(service, form({ image_file: RED, image_url: "http://10.0.0.1/" }));
  expect(status).toBe(200);
  expect(outcomes(items)).toEqual(["red", "url_forbidden"]);
  expect(await ask(service, form({ image_url: "http://10.0.0.1/" }))).toMatchObject({
    status: 422,
    code: "url_forbidden",
  });
});

it("addresses count as images", async () => {
  const service = await start({ imagesPerRequestMax: 2 });
  const urls = [`${AT}red`, `${AT}red`];
  expect((await ask(service, form({ image_url: urls }))).items).toHaveLength(2);
  const { code, detail } = await ask(service, form({ image_url: urls, image_file: RED }));
  expect([code, detail]).toEqual(["field_invalid", "The request names 3 images; it may name 2 at most."]);
});

it("what may be fetched counts to the uploads held in memory, and is given back", async () => {
  const service = await start({ uploadsHeldBytesMax: 10_000, imageBytesMax: 2000 });
  for (let round = 0; round < 3; round += 1) {
    const { items } = await ask(service, form({ image_url: [`${AT}red`, `${AT}red`, `${AT}red`] }));
    expect(outcomes(items)).toEqual(["red", "red", "overloaded"]);
  }
});

it("an address is given up with its request, and holds no permit then", async () => {
  let waiting = 0;
  const service = await startFakeService({}, null, (_url, { signal } = {}) => {
    waiting += 1;
    return new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  });
  open.push(service);
  const leaving = new AbortController();
  const left = fetch(`${service.url}/infer?image_url=${AT}a`, { method: "POST", signal: leaving.signal });
  await expect.poll(() => waiting).toBe(1);
  expect(service.held().requests).toBe(1);
  leaving.abort();
  await expect(left).rejects.toThrow();
  await expect.poll(() => service.held()).toEqual({ requests: 0, waiting: 0, bytes: 0 });
  const late = await ask(service, null, `?image_url=${AT}a&deadline_ms=50`);
  expect(late).toMatchObject({ status: 504, code: "engine_timeout" });
  await expect.poll(() => service.held().requests).toBe(0);
});
