/** Traces on their way from a request to a collector that others wrote, and to none. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createNetServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installCollector } from "../../../scripts/collector.mjs";
import { solidPng } from "../support/png.js";
import { makeColourZoo, type RunningServer, startServer } from "../support/server.js";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID = "b7ad6b7169203331";

let zoo: string;
beforeAll(async () => {
  zoo = await makeColourZoo();
});
afterAll(() => rm(zoo, { recursive: true }));

const start = (endpoint: string) =>
  startServer({
    MODELS_DIR: zoo,
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_SERVICE_NAME: "photos",
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
    OTEL_BSP_SCHEDULE_DELAY: "100",
  });

const classify = ({ url }: RunningServer) =>
  fetch(`${url}/infer?format=json`, {
    method: "POST",
    headers: { "content-type": "image/png", traceparent: `00-${TRACE_ID}-${PARENT_ID}-01` },
    body: new Uint8Array(solidPng(64, 48, [255, 0, 0])),
  });

async function freePort(): Promise<number> {
  const server = createNetServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

const installed = installCollector();
if ("reason" in installed) process.stderr.write(`skipped: ${installed.reason}\n`);

describe.skipIf("reason" in installed)("the OpenTelemetry collector", () => {
  let collector: ChildProcess;
  let server: RunningServer;
  let said = "";

  beforeAll(async () => {
    const port = await freePort();
    const settings = {
      receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
      exporters: { debug: { verbosity: "detailed" } },
      service: {
        pipelines: { traces: { receivers: ["otlp"], exporters: ["debug"] } },
        telemetry: { metrics: { level: "none" } },
      },
    };
    const path = "path" in installed ? installed.path : "";
    collector = spawn(path, [`--config=yaml:${JSON.stringify(settings)}`], { stdio: ["ignore", "ignore", "pipe"] });
    collector.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    server = await start(`http://127.0.0.1:${port}`);
  });
  afterAll(async () => {
    await server?.stop();
    const ended = once(collector, "exit");
    if (collector.kill()) await ended;
  });

  it("gets a request as one span of its client's trace, with its stages below it", async () => {
    await expect.poll(() => said).toContain("Everything is ready");
    expect((await classify(server)).status).toBe(200);
    await expect.poll(() => said).toMatch(/Name +: POST \/infer/);
    const spans = said
      .split(/^Span #\d+$/m)
      .slice(1)
      .map((text) =>
        Object.fromEntries([...text.matchAll(/^ {4}(\w[\w ]*?) *: ?(.*)$/gm)].map(([, name, value]) => [name, value])),
      )
      .filter((span) => span["Trace ID"] === TRACE_ID);
    const [request] = spans.filter(({ Name }) => Name === "POST /infer");
    expect(request).toMatchObject({ "Parent ID": PARENT_ID, Kind: "Server" });
    const stages = spans.filter((span) => span["Parent ID"] === request?.["ID"]);
    expect(stages.map(({ Name }) => Name)).toEqual(["decode", "resize", "queue", "run", "interpret"]);
    for (const text of ["http.route: Str(/infer)", "menagerie.model: Str(colours)"]) expect(said).toContain(text);
  });

  it("gets it from the service that the variables name", () => {
    expect(said).toContain("service.name: Str(photos)");
    expect(said).toContain("deployment.environment.name: Str(test)");
  });
});

describe("a collector that is not there", () => {
  it("is told of in the log, and holds up neither answers nor the stop", async () => {
    const server = await start(`http://127.0.0.1:${await freePort()}`);
    expect((await classify(server)).status).toBe(200);
    await expect.poll(() => server.log()).toContain("traces do not reach their collector");
    expect(await server.stop()).toBe(0);
  });
});

describe("a collector that answers nothing", () => {
  let silent: Server;
  afterAll(() => {
    silent?.closeAllConnections();
    silent?.close();
  });

  it("gets what is left before the stop, and does not hold it up", async () => {
    const types: (string | undefined)[] = [];
    silent = createServer((request) => void types.push(request.headers["content-type"])).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const server = await start(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    expect((await classify(server)).status).toBe(200);
    expect(await server.stop()).toBe(0);
    expect(types).toContain("application/x-protobuf");
  });
});

it("an exporter that is not served stops the start, and its variable is named", async () => {
  await expect(startServer({ MODELS_DIR: zoo, OTEL_TRACES_EXPORTER: "zipkin" })).rejects.toThrow(
    /OTEL_TRACES_EXPORTER=zipkin/,
  );
});
