/** Spans of requests, and the headers by which traces go on. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { SpanKind } from "@opentelemetry/api";
import { InMemorySpanExporter, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { beforeEach, describe, expect, it } from "vitest";
import { openTracing, passOn, type Tracing, wantsTraces } from "../src/observe/traces.js";
import type { Outcome, RequestFacts } from "../src/ports.js";
import { startFakeService } from "./support/fake-service.js";
import { DIST_DIR } from "./support/paths.js";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID = "b7ad6b7169203331";
const TRACEPARENT = `00-${TRACE_ID}-${PARENT_ID}-01`;

const ANSWER: Outcome = {
  model: "colours",
  modelId: "colours",
  code: "ok",
  stages: { end: 1100, decode: 4, resize: 3, queue: 2, run: 10, interpret: 1 },
};
const REQUEST: RequestFacts = {
  method: "POST",
  route: "/infer",
  code: "ok",
  status: 200,
  began: 1000,
  ms: 100,
  outcomes: [ANSWER],
};

describe("a request", () => {
  let exporter: InMemorySpanExporter;
  let tracing: Tracing;
  beforeEach(async () => {
    exporter = new InMemorySpanExporter();
    tracing = await openTracing((error) => {
      throw error;
    }, exporter);
  });

  /** What was sent of one request: its own span last. */
  const spansOf = async (headers: object, request: RequestFacts): Promise<ReadableSpan[]> => {
    tracing.end(tracing.begin(headers), request);
    const sent: ReadableSpan[] = [];
    const take = exporter.export.bind(exporter);
    exporter.export = (spans, done) => {
      sent.push(...spans);
      take(spans, done);
    };
    await tracing.close(1000);
    return sent;
  };

  it("is one span, named after its row of the table, with a span below it for each stage", async () => {
    const spans = await spansOf({}, REQUEST);
    const [request, ...rest] = spans.toReversed();
    expect(request).toMatchObject({ name: "POST /infer", kind: SpanKind.SERVER });
    expect(request?.attributes).toEqual({
      "http.request.method": "POST",
      "http.route": "/infer",
      "http.response.status_code": 200,
    });
    expect(rest.toReversed().map(({ name }) => name)).toEqual(["decode", "resize", "queue", "run", "interpret"]);
    for (const stage of rest) {
      expect(stage.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
      expect(stage.attributes).toEqual({ "menagerie.model": "colours" });
    }
  });

  it("has its stages one after the other, each as long as it took", async () => {
    const stages = (await spansOf({}, REQUEST)).slice(0, -1);
    const ms = ([seconds, nanoseconds]: readonly [number, number]) => 1000 * seconds + nanoseconds / 1e6;
    expect(stages.map(({ duration }) => Math.round(ms(duration)))).toEqual([4, 3, 2, 10, 1]);
    for (const [index, { endTime }] of stages.slice(0, -1).entries()) {
      expect(stages[index + 1]?.startTime).toEqual(endTime);
    }
  });

  it("goes on with the trace of its client, and hands it on", async () => {
    const { id, headers } = tracing.begin({ traceparent: TRACEPARENT, tracestate: "a=b" });
    expect(id).toBe(TRACE_ID);
    expect(headers).toEqual({
      traceparent: expect.stringMatching(`^00-${TRACE_ID}-[0-9a-f]{16}-01$`),
      tracestate: "a=b",
    });
    expect(headers["traceparent"]).not.toBe(TRACEPARENT);
    const [request] = (await spansOf({ traceparent: TRACEPARENT }, REQUEST)).toReversed();
    expect(request?.parentSpanContext?.spanId).toBe(PARENT_ID);
  });

  it("of a client that asks for no trace to be kept is not sent", async () => {
    expect(await spansOf({ traceparent: TRACEPARENT.replace(/01$/, "00") }, REQUEST)).toEqual([]);
  });

  it.each(["", "nonsense", "00-0-0-0", `ff-${TRACE_ID}-${PARENT_ID}-01`, TRACEPARENT.toUpperCase()])(
    "with the header %j begins a trace of its own",
    (traceparent) => {
      const { id } = tracing.begin({ traceparent });
      expect(id).toMatch(/^[0-9a-f]{32}$/);
      expect(id).not.toBe(TRACE_ID);
    },
  );

  it("that was refused or failed says so", async () => {
    const [request] = await spansOf({}, { ...REQUEST, code: "engine_failed", status: 502, outcomes: [] });
    expect(request?.attributes["error.type"]).toBe("engine_failed");
    expect(request?.status.code).toBe(2);
  });
});

describe("without OpenTelemetry's variables", () => {
  it("a request hands its client's headers on as they are, and nothing that is none", () => {
    expect(passOn({ traceparent: TRACEPARENT, tracestate: "a=b" })).toEqual({
      id: TRACE_ID,
      headers: { traceparent: TRACEPARENT, tracestate: "a=b" },
    });
    expect(passOn({ traceparent: "nonsense", tracestate: "a=b" })).toEqual({ id: null, headers: {} });
  });

  it("whoever is asked for an image gets them, and the log names the trace", async () => {
    const asked: unknown[] = [];
    const service = await startFakeService({}, null, async (_url, given) => {
      asked.push(given?.headers);
      return Buffer.from("red");
    });
    const image = encodeURIComponent("https://example.org/red.png");
    const response = await fetch(`${service.url}/infer?image_url=${image}`, {
      method: "POST",
      headers: { traceparent: TRACEPARENT },
    });
    expect(response.status).toBe(200);
    expect(asked).toEqual([{ traceparent: TRACEPARENT }]);
    await expect.poll(() => service.logLines.join("")).toContain(`"trace_id":"${TRACE_ID}"`);
    await service.close();
  });

  const loadedWith = async (environment: object) => {
    const script = `
      const { openObserving } = await import(${JSON.stringify(`${DIST_DIR}/observe/observer.js`)});
      await openObserving(${JSON.stringify(environment)}, () => {});
      const loaded = Object.keys(process.getBuiltinModule("node:module")._cache);
      process.stdout.write(String(loaded.filter((path) => /@opentelemetry.(?!api\\b)/.test(path)).length));`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script]);
    return Number(stdout);
  };

  it("none of its packages is loaded", async () => {
    expect(await loadedWith({})).toBe(0);
    expect(await loadedWith({ OTEL_TRACES_EXPORTER: "otlp" })).toBeGreaterThan(10);
  });
});

describe("traces are on", () => {
  it.each([
    [{}, false],
    [{ OTEL_SERVICE_NAME: "photos" }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "" }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318" }, true],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://localhost:4318/v1/traces" }, true],
    [{ OTEL_TRACES_EXPORTER: "otlp" }, true],
    [{ OTEL_TRACES_EXPORTER: "none", OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318" }, false],
    [{ OTEL_SDK_DISABLED: "true", OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318" }, false],
  ])("with %j: %j", (environment, expected) => {
    expect(wantsTraces(environment)).toBe(expected);
  });

  it.each([
    [{ OTEL_TRACES_EXPORTER: "zipkin" }, /OTEL_TRACES_EXPORTER=zipkin/],
    [{ OTEL_TRACES_EXPORTER: "otlp", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, /OTEL_EXPORTER_OTLP_PROTOCOL=grpc.*4318/],
  ])("with %j is an error that names the variable", (environment, message) => {
    expect(() => wantsTraces(environment)).toThrow(message);
  });
});
