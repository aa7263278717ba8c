/** Admission through HTTP: places, permits, and what becomes of them. */

import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Config } from "../src/config.js";
import type { Problem } from "../src/errors.js";
import { type AdmissionLimits, createAdmission } from "../src/front/admission.js";
import type { WorkKind } from "../src/ports.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";

const RED = Buffer.from("red");

const open: FakeService[] = [];
async function start(config: Partial<Config>): Promise<FakeService & { release(): void }> {
  const service = await startFakeService(config);
  open.push(service);
  let release = () => {};
  service.classifier.gate = new Promise((resolve) => {
    release = resolve;
  });
  return Object.assign(service, { release: () => release() });
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((service) => service.close()));
});

function ask(service: FakeService, signal?: AbortSignal): Promise<Response> {
  const body = form({ image_file: RED });
  return fetch(`${service.url}/infer`, { method: "POST", body, ...(signal === undefined ? {} : { signal }) });
}

describe("admission", () => {
  it("lets requests wait for their turn, and answers them all", async () => {
    const service = await start({ requestsMax: 4, requestsQueuedMax: 100 });
    const answers = Array.from({ length: 40 }, () => ask(service));
    await expect.poll(() => service.classifier.seen.length).toBe(2);
    service.release();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 200));
  });

  it("refuses with overloaded and Retry-After when the queue is full", async () => {
    const service = await start({ requestsMax: 1, requestsQueuedMax: 3 });
    const working = ask(service);
    await expect.poll(() => service.classifier.seen.length).toBe(1);
    const others = [ask(service), ask(service)];
    const refused = await Promise.race(others);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await refused.json()).toMatchObject({ code: "overloaded" });
    service.release();
    expect((await working).status).toBe(200);
    expect((await Promise.all(others)).map(({ status }) => status).sort()).toEqual([200, 503]);
  });

  it("refuses in one way, early or not: the same headers, a body that is dropped, a connection that is kept", async () => {
    const origin = "https://example.org";
    const service = await start({ requestsMax: 1, requestsQueuedMax: 0, corsOrigins: [origin] });
    const working = ask(service);
    await expect.poll(() => service.classifier.seen.length).toBe(1);
    const connection = new Agent({ keepAlive: true, maxSockets: 1 });
    const refused = (path: string) =>
      new Promise<{ headers: IncomingHttpHeaders; problem: Problem; port: number | undefined }>((resolve, reject) => {
        const headers = { "content-type": "image/png", accept: "*/*", origin, "x-request-id": "asked" };
        const sent = request(`${service.url}${path}`, { method: "POST", agent: connection, headers }, (answer) => {
          const port = answer.socket.localPort;
          let text = "";
          answer.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk;
          });
          answer.on("end", () => resolve({ headers: answer.headers, problem: JSON.parse(text), port }));
        });
        sent.on("error", reject).end(Buffer.alloc(200_000));
      });
    // Routes take capital letters; what comes early takes this spelling alone.
    const [early, late] = [await refused("/infer?model=colours"), await refused("/INFER?model=colours")];
    const { date: _date, ...headers } = late.headers;
    expect(early.headers).toMatchObject(headers);
    expect(early.problem).toEqual(late.problem);
    expect(early.problem).toMatchObject({ status: 503, code: "overloaded", request_id: "asked" });
    expect(early.headers["access-control-allow-origin"]).toBe(origin);
    expect(early.port).toBe(late.port);
    const counted = () => service.logLines.filter((line) => line.includes('"refused":1'));
    await expect.poll(counted).toHaveLength(1);
    connection.destroy();
    service.release();
    expect((await working).status).toBe(200);
  });

  it("refuses a browser's form with a page", async () => {
    const service = await start({ requestsMax: 1, requestsQueuedMax: 0 });
    const working = ask(service);
    await expect.poll(() => service.classifier.seen.length).toBe(1);
    const headers = { accept: "text/html,application/xhtml+xml" };
    const refused = await fetch(`${service.url}/infer`, { method: "POST", body: form({ image_file: RED }), headers });
    expect(refused.status).toBe(503);
    expect(await refused.text()).toContain("The service is full");
    service.release();
    expect((await working).status).toBe(200);
  });

  it("refuses a request that waited too long", async () => {
    const service = await start({ requestsMax: 1, requestsQueuedMax: 5, queueWaitMsMax: 100 });
    const working = ask(service);
    await expect.poll(() => service.classifier.seen.length).toBe(1);
    expect((await ask(service)).status).toBe(503);
    service.release();
    expect((await working).status).toBe(200);
  });

  it("forgets those who went away while they waited", async () => {
    const service = await start({ requestsMax: 1, requestsQueuedMax: 3 });
    const working = ask(service);
    await expect.poll(() => service.classifier.seen.length).toBe(1);
    const gone = new AbortController();
    const left = ask(service, gone.signal).catch(() => "left");
    await expect.poll(async () => (await ask(service, AbortSignal.timeout(1000)).catch(() => null))?.status).toBe(503);
    gone.abort();
    expect(await left).toBe("left");
    const next = ask(service);
    await new Promise((resolve) => setTimeout(resolve, 100));
    service.release();
    expect((await working).status).toBe(200);
    expect((await next).status).toBe(200);
    expect(service.classifier.seen).toHaveLength(2);
  });

  it("keeps the permit of a client that went away until its work is done", async () => {
    const service = await start({ requestsMax: 1, requestsQueuedMax: 0 });
    const gone = new AbortController();
    const left = ask(service, gone.signal).catch(() => "left");
    await expect.poll(() => service.classifier.seen.length).toBe(1);
    gone.abort();
    await left;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await ask(service)).status).toBe(503);
    service.release();
    await expect.poll(async () => (await ask(service)).status).toBe(200);
  });

  it("keeps nothing for clients that pipeline and leave", async () => {
    const service = await start({ requestsMax: 4, requestsQueuedMax: 20 });
    const one = "POST /infer HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 3\r\n\r\nred";
    for (let client = 0; client < 10; client += 1) {
      const socket = connect(Number(new URL(service.url).port), "127.0.0.1");
      socket.on("error", () => {});
      await new Promise((resolve) => socket.write(one.repeat(6), resolve));
      await new Promise((resolve) => setTimeout(resolve, 20));
      socket.resetAndDestroy();
    }
    service.release();
    await expect.poll(() => service.held()).toEqual({ requests: 0, waiting: 0, bytes: 0 });
    expect((await ask(service)).status).toBe(200);
  });
});

const LIMITS: AdmissionLimits = {
  requestsMax: 4,
  requestsQueuedMax: 4,
  queueWaitMsMax: 60_000,
  classifyMsMax: 60_000,
  uploadsHeldBytesMax: 1000,
};

describe("a visit", () => {
  const forever = () => new Promise<void>(() => {});

  it("is refused past its caller's share, and no other caller's", () => {
    const admission = createAdmission(LIMITS);
    for (let count = 0; count < 4; count += 1) admission.admit("a");
    expect(() => admission.admit("a")).toThrow(/full/);
    expect(admission.refusal("a")?.code).toBe("overloaded");
    expect(admission.refusal("b")).toBeNull();
    admission.admit("b");
  });

  it("waits for a permit while its caller's share is used, and no other caller's does", async () => {
    const admission = createAdmission({ ...LIMITS, requestsQueuedMax: 20 });
    const begun: string[] = [];
    const run = (caller: string, kind?: WorkKind) =>
      admission.admit(caller).run(() => {
        begun.push(`${caller} ${kind ?? "one"}`);
        return forever();
      }, kind);
    for (let count = 0; count < 3; count += 1) void run("a", "strangers");
    void run("b");
    await expect.poll(() => begun).toEqual(["a strangers", "a strangers", "b one"]);
  });

  it.each(["strangers", "many"] as const)(
    "leaves permits of %s to the same caller's visits that ask for one answer",
    async (kind) => {
      const admission = createAdmission({ ...LIMITS, requestsQueuedMax: 20 });
      for (let count = 0; count < 5; count += 1) void admission.admit("a").run(forever, kind);
      expect(await admission.admit("a").run(async () => "answered")).toBe("answered");
    },
  );

  it("gives everything back once its work has settled, also where its client left before", async () => {
    const admission = createAdmission(LIMITS);
    let settle = () => {};
    const visit = admission.admit("a");
    visit.charge(100);
    const answer = visit.run(() => new Promise<void>((resolve) => (settle = resolve)));
    await expect.poll(() => admission.held()).toEqual({ requests: 1, waiting: 0, bytes: 100 });
    visit.leave();
    await expect(answer).rejects.toThrow("went away");
    expect(admission.held()).toEqual({ requests: 1, waiting: 0, bytes: 100 });
    settle();
    await expect.poll(() => admission.held()).toEqual({ requests: 0, waiting: 0, bytes: 0 });
  });

  it("that has left takes nothing more of its body", () => {
    const admission = createAdmission(LIMITS);
    const visit = admission.admit("a");
    visit.charge(10);
    visit.leave();
    expect(() => visit.charge(10)).toThrow(/went away/);
    expect(admission.held()).toEqual({ requests: 0, waiting: 0, bytes: 0 });
  });

  it("that has settled takes nothing more, also while its answer is still on its way", async () => {
    const admission = createAdmission(LIMITS);
    const visit = admission.admit("a");
    await visit.run(async () => {});
    expect(() => visit.charge(10)).toThrow(/answered meanwhile/);
    visit.leave();
    expect(() => visit.charge(10)).toThrow(/answered meanwhile/);
    expect(admission.held()).toEqual({ requests: 0, waiting: 0, bytes: 0 });
  });

  it("that leaves before its body is there gives everything back at once", () => {
    const admission = createAdmission(LIMITS);
    const visit = admission.admit("a");
    visit.charge(100);
    visit.leave();
    visit.leave();
    expect(admission.held()).toEqual({ requests: 0, waiting: 0, bytes: 0 });
  });

  it("counts its answer until it leaves, and no permit with it", async () => {
    const admission = createAdmission(LIMITS);
    const visit = admission.admit("a");
    visit.charge(100);
    await visit.run(async () => {});
    visit.chargeAnswer(300);
    expect(admission.held()).toEqual({ requests: 0, waiting: 0, bytes: 300 });
    visit.leave();
    expect(admission.held().bytes).toBe(0);
  });

  it("may hold no more bytes than it leaves to others", () => {
    const admission = createAdmission(LIMITS);
    const visit = admission.admit("a");
    visit.charge(400);
    expect(() => visit.charge(200)).toThrow(/holds 400 bytes/);
    const release = visit.hold(100);
    expect(() => visit.hold(1)).toThrow(/holds 500 bytes/);
    release();
    admission.admit("b").charge(300);
    expect(admission.held().bytes).toBe(700);
  });

  it("that was the last one for a while is followed by rest, which is told each second for as long as that is asked for", async () => {
    vi.useFakeTimers();
    try {
      const rests: number[] = [];
      const admission = createAdmission(LIMITS, (seconds) => {
        rests.push(seconds);
        return seconds < 7;
      });
      const [one, two] = [admission.admit("a"), admission.admit("b")];
      one.leave();
      vi.advanceTimersByTime(5000);
      expect(rests).toEqual([]);
      two.leave();
      vi.advanceTimersByTime(900);
      const three = admission.admit("a");
      vi.advanceTimersByTime(5000);
      expect(rests).toEqual([]);
      three.leave();
      vi.advanceTimersByTime(2500);
      const four = admission.admit("a");
      vi.advanceTimersByTime(5000);
      expect(rests).toEqual([1, 2]);
      four.leave();
      vi.advanceTimersByTime(60_000);
      expect(rests).toEqual([1, 2, 1, 2, 3, 4, 5, 6, 7]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is followed by rest once its answer is taken, however long after its work that is", async () => {
    vi.useFakeTimers();
    try {
      const rests: number[] = [];
      const admission = createAdmission(LIMITS, () => {
        rests.push(Date.now());
        return true;
      });
      const visit = admission.admit("a");
      await visit.run(async () => visit.chargeAnswer(100));
      expect(admission.held()).toMatchObject({ requests: 0, waiting: 0, bytes: 100 });
      vi.advanceTimersByTime(5000);
      expect(rests).toEqual([]);
      visit.leave();
      vi.advanceTimersByTime(1500);
      expect(rests).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is followed by rest also where bytes are held for longer than anybody is here", () => {
    vi.useFakeTimers();
    try {
      let restCount = 0;
      const admission = createAdmission(LIMITS, () => {
        restCount += 1;
        return false;
      });
      const visit = admission.admit("a");
      const releases = [visit.hold(10), admission.hold("b", 10)];
      visit.leave();
      for (const release of releases) {
        vi.advanceTimersByTime(5000);
        expect(restCount).toBe(0);
        release();
      }
      vi.advanceTimersByTime(1500);
      expect(restCount).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it("ends at its deadline, with all that it waits for", async () => {
    const admission = createAdmission({ ...LIMITS, classifyMsMax: 50 });
    const visit = admission.admit("a");
    const waited: unknown[] = [];
    visit.signal.addEventListener("abort", () => waited.push(visit.signal.reason));
    await expect(visit.run(forever)).rejects.toMatchObject({ code: "engine_timeout" });
    expect(waited).toMatchObject([{ code: "engine_timeout" }]);
  });
});
