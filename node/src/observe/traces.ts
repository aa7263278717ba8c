/**
 * Traces by OpenTelemetry, set up by its own variables (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/):
 * one span a request, one below it for each stage of each image. Its packages are loaded where the variables ask for
 * traces, and nowhere else (prom-client brings `@opentelemetry/api`, which does nothing by itself).
 */
import type { Span } from "@opentelemetry/api";
import type { SpanExporter } from "@opentelemetry/sdk-trace-base";
import { VERSION } from "../generated/contract.js";
import type { Outcome, RequestFacts, RequestTrace, Stages, TraceHeaders } from "../ports.js";

export interface Tracing {
  begin(headers: TraceHeaders): RequestTrace;
  end(trace: RequestTrace, request: RequestFacts): void;
  /** Sends what was not sent yet, as far as that goes within `msMax`. */
  close(msMax: number): Promise<void>;
}

type Environment = Readonly<Record<string, string | undefined>>;

const SERVICE_NAME = "menagerie";
const PROTOCOL = "http/protobuf";
/** W3C Trace Context, level 1: the version that everybody writes. */
const TRACEPARENT = /^00-(?<id>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * Whether the variables ask for traces.
 * @throws Error for an exporter or a protocol that is not served here.
 */
export function wantsTraces(environment: Environment): boolean {
  const read = (name: string) => environment[name]?.trim() ?? "";
  const exporter = read("OTEL_TRACES_EXPORTER");
  const endpoint = read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") || read("OTEL_EXPORTER_OTLP_ENDPOINT");
  if (read("OTEL_SDK_DISABLED").toLowerCase() === "true" || exporter === "none") return false;
  if (exporter === "" && endpoint === "") return false;
  if (exporter !== "" && exporter !== "otlp") {
    throw new Error(`OTEL_TRACES_EXPORTER=${exporter}: this service has otlp and none.`);
  }
  for (const name of ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]) {
    const protocol = read(name);
    if (protocol !== "" && protocol !== PROTOCOL) {
      throw new Error(`${name}=${protocol}: this service speaks ${PROTOCOL} (a collector's port 4318) alone.`);
    }
  }
  return true;
}

/** Without traces of its own a request that belongs to one hands its client's header on. */
export function passOn({ traceparent, tracestate }: TraceHeaders): RequestTrace {
  const { id } = TRACEPARENT.exec(traceparent ?? "")?.groups ?? {};
  if (id === undefined || traceparent === undefined) return NO_TRACE;
  return { id, headers: { traceparent, ...(tracestate === undefined ? {} : { tracestate }) } };
}

const NO_TRACE: RequestTrace = { id: null, headers: {} };

/** `report` is told what went wrong on the way to the collector; `exporter` stands in for that way. */
export async function openTracing(report: (error: unknown) => void, exporter?: SpanExporter): Promise<Tracing> {
  const [api, core, sdk, resources, otlp] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/core"),
    import("@opentelemetry/sdk-trace-base"),
    import("@opentelemetry/resources"),
    import("@opentelemetry/exporter-trace-otlp-proto"),
  ]);
  core.setGlobalErrorHandler(report);
  const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace: spans } = api;
  const named = resources.resourceFromAttributes({ "service.name": SERVICE_NAME, "service.version": VERSION });
  const asked = resources.detectResources({ detectors: [resources.envDetector] });
  const provider = new sdk.BasicTracerProvider({
    resource: resources.defaultResource().merge(named).merge(asked),
    spanProcessors: [new sdk.BatchSpanProcessor(exporter ?? new otlp.OTLPTraceExporter())],
  });
  const tracer = provider.getTracer(SERVICE_NAME, VERSION);
  const propagator = new core.W3CTraceContextPropagator();
  const spanOf = new WeakMap<RequestTrace, Span>();

  const addStages = (parent: Span, { model, stages }: Outcome) => {
    if (stages === null) return;
    const context = spans.setSpan(ROOT_CONTEXT, parent);
    // Since the process began the two clocks have parted; the request's own span has the system's.
    const ahead = Date.now() - performance.now();
    for (const [stage, from, to] of timesOf(stages)) {
      const attributes = { "menagerie.model": model };
      tracer.startSpan(stage, { startTime: ahead + from, attributes }, context).end(ahead + to);
    }
  };

  return {
    begin(headers) {
      const parent = propagator.extract(ROOT_CONTEXT, headers, api.defaultTextMapGetter);
      const span = tracer.startSpan("request", { kind: SpanKind.SERVER }, parent);
      const passed: Record<string, string> = {};
      propagator.inject(spans.setSpan(ROOT_CONTEXT, span), passed, api.defaultTextMapSetter);
      const trace = { id: span.spanContext().traceId, headers: passed };
      spanOf.set(trace, span);
      return trace;
    },
    end(trace, { method, route, code, status, outcomes }) {
      const span = spanOf.get(trace);
      if (span === undefined) return;
      // https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server
      span.updateName(`${method} ${route}`);
      span.setAttributes({
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        ...(code === "ok" ? {} : { "error.type": code }),
      });
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      for (const outcome of outcomes) addStages(span, outcome);
      span.end();
    },
    async close(msMax) {
      const late = new Promise<void>((resolve) => setTimeout(resolve, msMax).unref());
      await Promise.race([provider.shutdown().catch(report), late]);
    },
  };
}

/** When each stage began and ended: decoding stands before resizing, and waiting is shown before the run. */
function timesOf({ end, decode, resize, queue, run, interpret }: Stages): (readonly [string, number, number])[] {
  const ran = end - interpret;
  const began = ran - run;
  const resized = began - queue;
  const decoded = resized - resize;
  return [
    ["decode", decoded - decode, decoded],
    ["resize", decoded, resized],
    ["queue", resized, began],
    ["run", began, ran],
    ["interpret", ran, end],
  ];
}
