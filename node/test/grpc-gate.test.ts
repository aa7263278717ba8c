/** What every call of the gRPC port passes: its name, whose it is, rates, roles, admission, deadlines. */
import { once } from "node:events";
import { status as statusNames } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { AppError, HTTP_STATUS } from "../src/errors.js";
import type { ErrorCode } from "../src/generated/contract.js";
import type { ApiKeys } from "../src/ports.js";
import { CODE_KEY, GRPC_STATUS } from "../src/protocols/grpc/statuses.js";
import { ask } from "./support/grpc.js";
import { closeAll, expectFree, headOf, INFER, LIVE, LOAD, open, startPort, trailersOf } from "./support/grpc-port.js";

const KEYS: ApiKeys = {
  find: (key) => (key === "one" || key === "boss" ? { role: key === "one" ? "infer" : "admin", name: key } : undefined),
};
afterEach(closeAll);

describe("a call", () => {
  it("is named as its client names it, else anew, in both metadata and in one line of the log", async () => {
    const port = await startPort();
    port.release();
    const { trailers } = await port.infer({ metadata: { "x-request-id": "mine-1" } });
    expect(trailers).toMatchObject({ "x-request-id": "mine-1" });
    const other = await port.infer({ metadata: { "x-request-id": "no good\x7f".replace("\x7f", "") } });
    expect(other.trailers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    const lines = port.logLines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toMatchObject([
      { request_id: "mine-1", method: "gRPC", path: `/${INFER}`, status: "OK", outcome: "ok", msg: "answered" },
      { request_id: other.trailers["x-request-id"] },
    ]);
  });

  it("is told to the observer, by its method and what became of it", async () => {
    const port = await startPort({ anonymousRole: "infer" });
    await port.infer({ options: { deadline: Date.now() + 100 } });
    await port.infer({ begun: (call) => setTimeout(() => call.cancel(), 100) });
    await ask(port.client, LOAD, {});
    await ask(port.client, "grpc.health.v1.Health/Check", { service: "nope" });
    port.release();
    await port.infer();
    const facts = () => port.ended.map(({ method, route, code, status }) => [method, route, code, status]);
    await expect.poll(() => facts().length).toBe(5);
    expect(facts()).toEqual([
      ["gRPC", `/${INFER}`, "engine_timeout", 504],
      ["gRPC", `/${INFER}`, "client_gone", 200],
      ["gRPC", `/${LOAD}`, "unauthorized", 401],
      ["gRPC", "/grpc.health.v1.Health/Check", "not_found", 404],
      ["gRPC", `/${INFER}`, "ok", 200],
    ]);
    await expectFree(port);
  });

  it.each(Object.keys(HTTP_STATUS) as ErrorCode[])(
    "that fails with %s has its status, the code and the request's id",
    async (code) => {
      const error = new AppError(code, `It is ${code}.`, code === "overloaded" ? { retryAfterSeconds: 7 } : {});
      const port = await startPort({}, { fails: error });
      const { status, details, trailers } = await port.infer();
      expect(status).toBe(statusNames[GRPC_STATUS[code]]);
      expect(status).not.toBe("OK");
      expect(details).toBe(`It is ${code}.`);
      expect(trailers[CODE_KEY]).toBe(code);
      expect(trailers["x-request-id"]).toMatch(/./);
      expect(trailers["retry-after"]).toBe(code === "overloaded" ? "7" : undefined);
      await expectFree(port);
    },
  );

  it("that meets a bug is internal, and its message stays in the log", async () => {
    const port = await startPort({}, { fails: new TypeError("secret/path") });
    const { status, details, trailers } = await port.infer();
    expect([status, trailers[CODE_KEY]]).toEqual(["INTERNAL", "internal"]);
    expect(details).not.toContain("secret");
    expect(port.logLines.join("")).toContain("secret/path");
    await expectFree(port);
  });

  it("is told of text that no header can carry as far as one can", async () => {
    const port = await startPort(
      {},
      { fails: new AppError("field_invalid", `\u{1F600}\ud800\r\n%${"é".repeat(5000)}`) },
    );
    const { status, details } = await port.infer();
    expect(status).toBe("INVALID_ARGUMENT");
    expect(details).toMatch(/^\u{1F600}\ufffd {2}%é+$/u);
    expect(details.length).toBeLessThan(700);
  });

  it("of a method that is not there is UNIMPLEMENTED", async () => {
    const port = await startPort();
    const { stream } = open(port, "inference.GRPCInferenceService/Nothing%20é");
    stream.end();
    expect(await trailersOf(stream)).toMatchObject({ "grpc-status": "12" });
  });
});

describe("whose a call is", () => {
  it.each([
    [{}, "UNAUTHENTICATED", "unauthorized"],
    [{ authorization: "Bearer wrong" }, "UNAUTHENTICATED", "unauthorized"],
    [{ authorization: "Bearer one" }, "PERMISSION_DENIED", "forbidden"],
    [{ "x-api-key": "boss" }, "OK", undefined],
  ])("decides what it may do: %o", async (metadata, status, code) => {
    const port = await startPort({ anonymousRole: "none" }, { keys: KEYS });
    const loaded = await ask(port.client, LOAD, { model_name: "colours" }, { metadata });
    expect([loaded.status, loaded.trailers[CODE_KEY]]).toEqual([status, code]);
  });

  it("is not asked of probes", async () => {
    const port = await startPort({ anonymousRole: "none", requestsPerWindowMax: 1 }, { keys: KEYS });
    for (let count = 0; count < 3; count += 1) {
      expect((await ask(port.client, LIVE, {})).answer).toEqual({ live: true });
      expect((await ask(port.client, "grpc.health.v1.Health/Check", { service: "" })).status).toBe("OK");
    }
  });

  it("is decided before a byte of its message is read", async () => {
    const port = await startPort({ anonymousRole: "none" }, { keys: KEYS });
    const { stream } = open(port);
    expect(await trailersOf(stream)).toMatchObject({ "grpc-status": "16", [CODE_KEY]: "unauthorized" });
    await expectFree(port);
  });

  it("counts for the rate, which HTTP counts too", async () => {
    const port = await startPort({ requestsPerWindowMax: 2, rateWindowMs: 60_000 });
    port.release();
    expect([(await port.infer()).status, (await port.infer()).status]).toEqual(["OK", "OK"]);
    const { status, trailers } = await port.infer();
    expect([status, trailers[CODE_KEY]]).toEqual(["RESOURCE_EXHAUSTED", "rate_limited"]);
    expect(Number(trailers["retry-after"])).toBeGreaterThan(0);
    await expectFree(port);
  });
});

describe("admission", () => {
  it("refuses a call past its caller's places, and others are answered", async () => {
    const port = await startPort({ requestsMax: 2, requestsQueuedMax: 2 });
    const first = [port.infer(), port.infer()];
    await expect.poll(() => port.admission.held().requests).toBe(1);
    await expect.poll(() => port.admission.held().waiting).toBe(1);
    const { status, trailers } = await port.infer();
    expect([status, trailers[CODE_KEY], trailers["retry-after"]]).toEqual(["UNAVAILABLE", "overloaded", "1"]);
    port.release();
    expect((await Promise.all(first)).map((answered) => answered.status)).toEqual(["OK", "OK"]);
    await expectFree(port);
  });

  it("a client's deadline ends its call and gives back what it held", async () => {
    const port = await startPort();
    const { status } = await port.infer({ options: { deadline: Date.now() + 200 } });
    expect(status).toBe("DEADLINE_EXCEEDED");
    await expect.poll(() => port.signals.map(({ aborted }) => aborted)).toEqual([true]);
    port.release();
    await expectFree(port);
  });

  it("the service itself ends a call whose deadline has passed", async () => {
    const port = await startPort();
    const { stream } = open(port, INFER, { "grpc-timeout": "200m" });
    stream.end(headOf(0));
    expect(await trailersOf(stream)).toMatchObject({ "grpc-status": "4" });
    await expect.poll(() => port.signals.map(({ aborted }) => aborted)).toEqual([true]);
    port.release();
    await expectFree(port);
  });

  it("a client that cancels, or whose connection ends, leaves nothing behind", async () => {
    const port = await startPort();
    const cancelled = port.infer({ begun: (call) => setTimeout(() => call.cancel(), 100) });
    const { session, stream } = open(port);
    stream.end(headOf(0));
    await expect.poll(() => port.signals.length).toBe(2);
    session.destroy();
    expect((await cancelled).status).toBe("CANCELLED");
    await expect.poll(() => port.signals.every(({ aborted }) => aborted)).toBe(true);
    port.release();
    await expectFree(port);
  });

  it("a call that ends while its rate is counted takes no place", async () => {
    const port = await startPort({ requestsPerWindowMax: 1000 });
    for (let count = 0; count < 50; count += 1) open(port).session.destroy();
    await expect.poll(() => port.connections.count).toBe(0);
    await expectFree(port);
  });
});

describe("a stop", () => {
  it("waits for calls that work, and ends those that watch", async () => {
    const port = await startPort();
    const working = port.infer();
    const { stream: watching } = open(port, "grpc.health.v1.Health/Watch");
    const told = once(watching, "data");
    watching.end(headOf(0));
    await expect.poll(() => port.signals.length).toBe(1);
    await told;
    const closed = port.door.close();
    await once(watching, "close");
    port.release();
    expect((await working).status).toBe("OK");
    await closed;
    expect(port.connections.count).toBe(0);
  });
});
