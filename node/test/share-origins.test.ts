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

  it.each<[string, number, Record<string, string>]>([
    ["from another port of this machine", 403, { "sec-fetch-site": "same-site", origin: "http://localhost:3000" }],
    ["from a browser that does not say how it relates", 403, { origin: STRANGER }],
    ["from a page without an origin of its own", 403, { origin: "null" }],
    ["from the same name on another port", 403, { origin: "http://127.0.0.1:1" }],
    ["from an origin that is none", 403, { origin: "nonsense" }],
    ["from a proxy's name, sent on in Host", 200, { origin: "https://Cats.example", host: "cats.EXAMPLE" }],
    [
      "from a proxy's name, with the port of its scheme",
      200,
      { origin: "https://cats.example", host: "cats.example:443" },
    ],
    ["that the user sent by hand", 200, { "sec-fetch-site": "none" }],
  ])("%s: %i", async (_from, status, headers) => {
    expect(await post(closed, headers)).toBe(status);
  });

  it("from its own origin is answered, whether the browser says how it relates or not", async () => {
    expect(await post(closed, { origin: closed.url })).toBe(200);
    expect(await post(closed, { origin: closed.url.toUpperCase() })).toBe(200);
    expect(await post(shared, { origin: FRIEND })).toBe(200);
    expect(await post(shared, { origin: FRIEND, "sec-fetch-site": "same-site" })).toBe(200);
  });

  it("a link from another site opens what it names", async () => {
    expect((await fetch(`${closed.url}/api/models`, { headers: FOREIGN_FORM })).status).toBe(200);
  });
});

/** Posts an image; `fetch` would not let a Host be set. Resolves with the status. */
function post(service: FakeService, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { method: "POST", headers: { "content-type": "image/png", ...headers } };
    request(`${service.url}/infer`, options, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once("error", reject)
      .end("red");
  });
}

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

  it.each([
    "localhost",
    "LocalHost:8080",
    "localhost.",
    "localhost:8080",
    "a.localhost",
    "127.0.0.1:80",
    "[::1]:8080",
    "[::1]",
  ])("may be %s", async (host) => {
    expect(await ask(local, host)).toBe(200);
  });

  it.each(["stranger.example", "stranger.example:8080", "localhost.stranger.example", "127.0.0.1.stranger.example"])(
    "may not be %s",
    async (host) => {
      expect(await ask(local, host)).toBe(403);
      expect(await ask(wide, host)).toBe(200);
    },
  );
});
