/** Rates are counted by key and by address, and nobody chooses an address of their own. */
import { afterEach, expect, it } from "vitest";
import type { Config } from "../src/config.js";
import type { Problem } from "../src/errors.js";
import { createRates } from "../src/front/limit-rate.js";
import type { ApiKeys } from "../src/ports.js";
import { type FakeService, startFakeService } from "./support/fake-service.js";

const LIMIT: Partial<Config> = { requestsPerWindowMax: 2, rateWindowMs: 60_000 };
const KEYS: ApiKeys = {
  find: (key) => (key === "one" || key === "two" ? { role: "infer", name: key } : undefined),
};

const open: FakeService[] = [];
async function start(config: Partial<Config> = {}, keys: ApiKeys | null = null): Promise<FakeService> {
  const service = await startFakeService({ ...LIMIT, ...config }, keys);
  open.push(service);
  return service;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((service) => service.close()));
});

/** The statuses of requests, one after the other, each with its headers. */
async function statuses(service: FakeService, ...headers: Record<string, string>[]): Promise<number[]> {
  const found: number[] = [];
  for (const each of headers) found.push((await fetch(`${service.url}/api/models`, { headers: each })).status);
  return found;
}

it("past the limit a request is rate_limited, with the time to wait", async () => {
  const service = await start();
  expect(await statuses(service, {}, {})).toEqual([200, 200]);
  const response = await fetch(`${service.url}/api/models`);
  expect(response.status).toBe(429);
  expect(response.headers.get("ratelimit")).toMatch(/r=0; t=\d+/);
  expect(response.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
  const seconds = Number(response.headers.get("retry-after"));
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(60);
  const problem = (await response.json()) as Problem;
  expect(problem).toMatchObject({ code: "rate_limited", status: 429 });
  expect(problem.detail).toMatch(/^More than 2 requests in 60000 ms\./);
});

it("the next window starts anew", async () => {
  const service = await start({ rateWindowMs: 200 });
  expect(await statuses(service, {}, {}, {})).toEqual([200, 200, 429]);
  await expect.poll(() => statuses(service, {})).toEqual([200]);
});

it("health is never limited", async () => {
  const service = await start();
  await statuses(service, {}, {}, {});
  for (const path of ["/healthz", "/readyz"]) expect((await fetch(service.url + path)).status).toBe(200);
});

it("X-Forwarded-For is not believed by default", async () => {
  const service = await start();
  const from = (address: string) => ({ "x-forwarded-for": address, forwarded: `for=${address}` });
  expect(await statuses(service, from("1.2.3.4"), from("1.2.3.5"), from("1.2.3.6"))).toEqual([200, 200, 429]);
});

it("behind a trusted proxy each address has its own count, an IPv6 subnet one together", async () => {
  const service = await start({ trustProxy: "loopback" });
  const from = (address: string) => ({ "x-forwarded-for": address });
  const found = await statuses(
    service,
    ...[
      "1.2.3.4",
      "1.2.3.4",
      "1.2.3.4",
      "1.2.3.5",
      "2001:db8::1",
      "2001:db8:0:ff::2",
      "2001:db8::3",
      "2001:db9::1",
    ].map(from),
  );
  expect(found).toEqual([200, 200, 429, 200, 200, 200, 429, 200]);
});

it("of a list of addresses the last one that is no proxy counts, not what the client put before it", async () => {
  const service = await start({ trustProxy: "1" });
  const from = (claimed: string) => ({ "x-forwarded-for": `${claimed}, 9.9.9.9` });
  expect(await statuses(service, from("1.1.1.1"), from("2.2.2.2"), from("3.3.3.3"))).toEqual([200, 200, 429]);
});

it("each key has its own count; wrong keys count to their address", async () => {
  const service = await start({ anonymousRole: "none" }, KEYS);
  const [one, two] = [{ "x-api-key": "one" }, { "x-api-key": "two" }];
  expect(await statuses(service, one, one, one, two)).toEqual([200, 200, 429, 200]);
  expect(await statuses(service, { "x-api-key": "a" }, { "x-api-key": "b" }, { "x-api-key": "c" }, two)).toEqual([
    401, 401, 429, 200,
  ]);
});

it("0 is no limit", async () => {
  const service = await start({ requestsPerWindowMax: 0 });
  expect(await statuses(service, {}, {}, {}, {})).toEqual([200, 200, 200, 200]);
});

it("what other replicas count of a caller is counted too, and they are told what is counted here", async () => {
  const told: [string, number][] = [];
  const peers = {
    tell: (caller: string, hits: number, leftMs: number) => {
      expect(leftMs).toBeGreaterThan(0);
      expect(leftMs).toBeLessThanOrEqual(60_000);
      told.push([caller, hits]);
    },
    others: (caller: string) => (caller === "busy" ? 3 : 0),
    close: async () => {},
  };
  const callerOf = () => ({ name: "nobody", role: null, isKey: false }) as never;
  const rates = createRates(callerOf, { requestsPerWindowMax: 4, rateWindowMs: 60_000 }, peers);
  const count = (name: string) => rates.count({ name } as Parameters<typeof rates.count>[0]);
  await count("busy");
  await expect(count("busy")).rejects.toMatchObject({ code: "rate_limited" });
  for (let hits = 0; hits < 4; hits += 1) await count("idle");
  await expect(count("idle")).rejects.toMatchObject({ code: "rate_limited" });
  expect(told.slice(0, 3)).toEqual([
    ["busy", 1],
    ["busy", 2],
    ["idle", 1],
  ]);
});
