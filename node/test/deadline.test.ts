/** A client's own deadline, and answers without labels where there are no others. */
import { request } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Config } from "../src/config.js";
import type { Problem } from "../src/errors.js";
import { createAdmission } from "../src/front/admission.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";

const RED = Buffer.from("red");
const GRAPH = Buffer.from("graph of mine");
const JSON_ONLY = { accept: "application/json" };

const open: FakeService[] = [];
/** A service whose classifier does not answer until it is released. */
async function start(config: Partial<Config> = {}): Promise<FakeService & { release(): void }> {
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

type Parts = Parameters<typeof form>[0];
const post = (service: FakeService, path: string, parts: Parts, headers: Record<string, string> = JSON_ONLY) =>
  fetch(`${service.url}${path}`, { method: "POST", body: form(parts), headers });
const postInfer = (service: FakeService, parts: Parts, headers?: Record<string, string>) =>
  post(service, "/infer", { image_file: RED, ...parts }, headers);

describe("deadline_ms", () => {
  it.each<[string, string, Parts]>([
    ["/infer", "", { image_file: RED, deadline_ms: "60" }],
    ["/infer", "?deadline_ms=60", { image_file: RED }],
    ["/api/explain", "", { image_file: RED, deadline_ms: "60" }],
    ["/api/explain", "?deadline_ms=60", { image_file: RED }],
  ])("ends the wait for an answer: %s%s", async (path, query, parts) => {
    const service = await start();
    const response = await post(service, `${path}${query}`, parts);
    expect([response.status, await response.json()]).toMatchObject([504, { code: "engine_timeout" }]);
    service.release();
    await expect.poll(() => service.held()).toEqual({ requests: 0, waiting: 0, bytes: 0 });
  });

  const base64 = RED.toString("base64");
  it.each<[string, object]>([
    ["/v2/models/colours/infer", { inputs: [{ name: "image", datatype: "BYTES", shape: [1], data: [base64] }] }],
    ["/v1/models/colours:predict", { instances: [{ b64: base64 }] }],
    ["/v1/models/colours:classify", { examples: [{ image: { b64: base64 } }] }],
    ["/hf/models/colours", { inputs: base64 }],
  ])("ends the wait for an answer of another protocol, which has none without labels: %s", async (path, message) => {
    const service = await start();
    const ask = async (query: string) => {
      const response = await fetch(`${service.url}${path}?${query}`, { method: "POST", body: JSON.stringify(message) });
      return [response.status, await response.json()];
    };
    expect(await ask("deadline_ms=60")).toMatchObject([504, { code: "engine_timeout" }]);
    expect(await ask("deadline_ms=60&fallback=empty")).toMatchObject([400, { code: "field_invalid" }]);
  });

  it("ends the wait for a graph to load", async () => {
    const service = await start();
    service.engine.loadGate = new Promise(() => {});
    const inspected = await post(service, "/api/models/inspect", { model_file: GRAPH, deadline_ms: "60" });
    expect(await inspected.json()).toMatchObject({ code: "engine_timeout" });
    const described = await fetch(`${service.url}/api/models/colours?deadline_ms=60`);
    expect(await described.json()).toMatchObject({ code: "engine_timeout" });
  });

  it.each([
    ["a form", "multipart/form-data; boundary=b", '--b\r\nContent-Disposition: form-data; name="image_file"\r\n\r\n'],
    ["an image", "image/png", ""],
  ])("that passes while %s comes leaves the connection to the next request", async (_what, type, begin) => {
    const service = await start();
    service.release();
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    let answers = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      answers += text;
    });
    const head = (path: string, ...lines: string[]) =>
      [`POST ${path} HTTP/1.1`, "Host: x", "Accept: application/json", ...lines, "", ""].join("\r\n");
    const rest = Buffer.alloc(8_000_000);
    const length = begin.length + rest.length;
    socket.write(head("/infer?deadline_ms=60", `Content-Type: ${type}`, `Content-Length: ${length}`) + begin);
    await expect.poll(() => answers).toMatch(/^HTTP\/1.1 504 /);
    socket.write(rest);
    socket.write(`${head("/infer", "Content-Type: image/png", `Content-Length: ${RED.length}`)}${RED}`);
    await expect.poll(() => answers).toMatch(/HTTP\/1.1 200 /);
    socket.destroy();
    await expect.poll(() => service.held()).toEqual({ requests: 0, waiting: 0, bytes: 0 });
  });

  it("of the query string holds while the body comes", async () => {
    const service = await start();
    const headers = { "content-type": "image/png", "content-length": "1000", ...JSON_ONLY };
    const problem = await new Promise<Problem>((resolve, reject) => {
      const sent = request(`${service.url}/infer?deadline_ms=60`, { method: "POST", headers }, (answer) => {
        answer.setEncoding("utf8").on("data", (text: string) => resolve(JSON.parse(text) as Problem));
      });
      sent.on("error", reject).write("red");
    });
    expect(problem.code).toBe("engine_timeout");
  });

  it("of the form replaces that of the query string", async () => {
    const service = await start();
    const late = post(service, "/infer?deadline_ms=60", { image_file: RED, deadline_ms: "60000" });
    await expect.poll(() => service.classifier.seen.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    service.release();
    expect((await late).status).toBe(200);
  });

  it.each(["0", "-1", "1.5", "3600001", "soon"])("%s is no deadline", async (text) => {
    const service = await start();
    for (const response of [
      await postInfer(service, { deadline_ms: text }),
      await fetch(`${service.url}/api/models/colours?deadline_ms=${text}`),
    ]) {
      expect(response.status).toBe(400);
      expect(((await response.json()) as Problem).detail).toContain(`deadline_ms=${text}`);
    }
  });

  it("is for calls that work alone", async () => {
    const service = await start();
    expect((await fetch(`${service.url}/api/models?deadline_ms=60`)).status).toBe(400);
  });

  it("shortens the service's deadline and never lengthens it", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    try {
      const limits = {
        requestsMax: 4,
        requestsQueuedMax: 4,
        queueWaitMsMax: 60_000,
        classifyMsMax: 1000,
        uploadsHeldBytesMax: 1000,
      };
      const endOf = async (ms: number) => {
        const visit = createAdmission(limits).admit("a");
        vi.advanceTimersByTime(100);
        visit.answerWithin(ms);
        const began = performance.now();
        const ended = visit.run(() => new Promise(() => {})).catch(() => performance.now() - began);
        await vi.advanceTimersByTimeAsync(10_000);
        return ended;
      };
      expect(await endOf(400)).toBe(300);
      expect(await endOf(5000)).toBe(1000);
      expect(await endOf(50)).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("fallback=empty", () => {
  it("answers 200 without labels where the answer is late", async () => {
    const service = await start();
    const response = await postInfer(service, { deadline_ms: "60", fallback: "empty" });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ degraded: true, results: [], error: { code: "engine_timeout" } });
    expect(service.logLines.join()).toContain("engine_timeout");
  });

  it("says so in a sentence as html, text and a page", async () => {
    const service = await start();
    for (const accept of ["*/*", "text/plain", "text/html,application/xhtml+xml"]) {
      const response = await postInfer(service, { deadline_ms: "60", fallback: "empty" }, { accept });
      expect([response.status, await response.text()]).toMatchObject([200, expect.stringContaining("No label: The ")]);
    }
  });

  it("answers 200 without labels where the service is full, as far as the query string asks for it", async () => {
    const service = await start({ requestsMax: 1, requestsQueuedMax: 0 });
    const working = postInfer(service, {});
    await expect.poll(() => service.classifier.seen.length).toBe(1);
    const empty = await post(service, "/infer?fallback=empty", { image_file: RED });
    expect([empty.status, await empty.json()]).toMatchObject([200, { degraded: true, error: { code: "overloaded" } }]);
    expect((await postInfer(service, {})).status).toBe(503);
    service.release();
    expect((await working).status).toBe(200);
  });

  it("says of an answer of several models that labels are missing", async () => {
    const service = await start();
    service.release();
    const response = await postInfer(service, { model: ["colours", "listed"], fallback: "empty" });
    expect(await response.json()).toMatchObject({
      degraded: true,
      results: [{ label: "red" }, { error: { code: "engine_unavailable" } }],
    });
    const plain = await postInfer(service, { model: ["colours", "listed"] });
    expect(await plain.json()).not.toHaveProperty("degraded");
  });

  it("leaves what is wrong with a request a problem", async () => {
    const service = await start();
    service.release();
    const asked = { fallback: "empty" };
    expect((await postInfer(service, { ...asked, top_k: "0" })).status).toBe(400);
    expect((await postInfer(service, { ...asked, model: "nope" })).status).toBe(404);
    expect((await postInfer(service, { image_file: Buffer.from("none"), ...asked })).status).toBe(415);
    expect((await postInfer(service, { image_file: Buffer.from("trap"), ...asked })).status).toBe(500);
    expect((await postInfer(service, { fallback: "full" })).status).toBe(400);
    expect(await (await postInfer(service, asked)).json()).not.toHaveProperty("degraded");
  });
});
