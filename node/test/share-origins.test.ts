/** What pages of other sites can do through the browsers of their visitors. */
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Problem } from "../src/errors.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";

const FRIEND = "https://friend.example";
const STRANGER = "https://stranger.example";
const FOREIGN_FORM = { "sec-fetch-site": "cross-site" };

let closed: FakeService;
let shared: FakeService;
beforeAll(async () => {
  [closed, shared] = await Promise.all([startFakeService(), startFakeService({ corsOrigins: [FRIEND] })]);
});
afterAll(() => Promise.all([closed.close(), shared.close()]));

function preflight(service: FakeService, origin: string): Promise<Response> {
  const headers = { origin, "access-control-request-method": "POST", "access-control-request-headers": "x-api-key" };
  return fetch(`${service.url}/infer`, { method: "OPTIONS", headers });
}

const headersOf = (response: Response) =>
  [...response.headers.keys()].filter((name) => name.startsWith("access-control-"));

describe("CORS", () => {
  it("is off by default: no answer has a header of it", async () => {
    const response = await fetch(`${closed.url}/api/models`, { headers: { origin: FRIEND } });
    expect(response.status).toBe(200);
    expect(headersOf(response)).toEqual([]);
    const refused = await preflight(closed, FRIEND);
    expect(refused.status).toBe(405);
    expect(headersOf(refused)).toEqual([]);
  });

  it("lets the origins that are listed read answers and errors, and send keys", async () => {
    const answer = await preflight(shared, FRIEND);
    expect(answer.status).toBe(204);
    expect(answer.headers.get("access-control-allow-origin")).toBe(FRIEND);
    expect(answer.headers.get("access-control-allow-headers")).toMatch(/authorization.*x-api-key/);
    expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
    for (const path of ["/api/models", "/api/models/nope"]) {
      const response = await fetch(shared.url + path, { headers: { origin: FRIEND } });
      expect(response.headers.get("access-control-allow-origin")).toBe(FRIEND);
      expect(response.headers.get("vary")).toMatch(/origin/i);
    }
  });

  it.each([STRANGER, `${FRIEND}.example`, "null", "https://friend.example:444"])(
    "names no other: %s",
    async (origin) => {
      for (const response of [
        await preflight(shared, origin),
        await fetch(`${shared.url}/api/models`, { headers: { origin } }),
      ]) {
        expect(response.headers.get("access-control-allow-origin")).toBeNull();
      }
    },
  );
});

describe("a form of another site", () => {
  const send = (service: FakeService, headers: Record<string, string>) =>
    fetch(`${service.url}/infer`, { method: "POST", headers, body: form({ image_file: Buffer.from("red") }) });

  it("is forbidden", async () => {
    for (const [service, origin] of [
      [closed, FRIEND],
      [shared, STRANGER],
    ] as const) {
      const response = await send(service, { ...FOREIGN_FORM, origin });
      expect(response.status).toBe(403);
      expect(((await response.json()) as Problem).code).toBe("forbidden");
    }
  });

  it("is answered when its origin is listed, and the page's own form always", async () => {
    expect((await send(shared, { ...FOREIGN_FORM, origin: FRIEND })).status).toBe(200);
    expect((await send(closed, { "sec-fetch-site": "same-origin" })).status).toBe(200);
    expect((await send(closed, {})).status).toBe(200);
  });

  it("a link from another site opens what it names", async () => {
    expect((await fetch(`${closed.url}/api/models`, { headers: FOREIGN_FORM })).status).toBe(200);
  });
});

describe("the name that a service on loopback is asked by", () => {
  const ask = (service: FakeService, host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      request(`${service.url}/api/models`, { headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .once("error", reject)
        .end();
    });

  let local: FakeService;
  let wide: FakeService;
  beforeAll(async () => {
    [local, wide] = await Promise.all([
      startFakeService({ host: "127.0.0.1" }),
      startFakeService({ host: "0.0.0.0", anonymousRole: "infer" }),
    ]);
  });
  afterAll(() => Promise.all([local.close(), wide.close()]));

  it.each(["localhost", "localhost:8080", "a.localhost", "127.0.0.1:80", "[::1]:8080", "[::1]"])(
    "may be %s",
    async (host) => {
      expect(await ask(local, host)).toBe(200);
    },
  );

  it.each(["stranger.example", "stranger.example:8080", "localhost.stranger.example", "127.0.0.1.stranger.example"])(
    "may not be %s",
    async (host) => {
      expect(await ask(local, host)).toBe(403);
      expect(await ask(wide, host)).toBe(200);
    },
  );
});
