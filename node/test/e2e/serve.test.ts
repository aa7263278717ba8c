/** The real service, engine and WebAssembly, as a client sees them. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { type Door, makeDoor } from "../support/door.js";
import { form } from "../support/fake-service.js";
import { COLOURS, fileReadingGraph, meanColourGraph } from "../support/graph-def.js";
import { declaredPng, solidPng } from "../support/png.js";
import { isRunning, makeColourZoo, type RunningServer, signalAll, startServer } from "../support/server.js";

const RED = solidPng(64, 48, [255, 0, 0]);
const GREEN = solidPng(20, 30, [0, 255, 0]);
const JSON_ONLY = { accept: "application/json" };
const SENTENCE = /^Detected <b>red<\/b> with <u>high<\/u> confidence\.\n$/;

let zoo: string;
beforeAll(async () => {
  zoo = await makeColourZoo();
});
afterAll(async () => {
  await rm(zoo, { recursive: true });
});

type Parts = Parameters<typeof form>[0];

function infer(server: RunningServer, parts: Parts, headers: Record<string, string> = JSON_ONLY): Promise<Response> {
  return fetch(`${server.url}/infer`, { method: "POST", body: form(parts), headers });
}

/** The best label, or the code of the problem. */
async function outcomeOf(answer: Promise<Response>): Promise<string> {
  const response = await answer;
  const body = (await response.json()) as { code?: string; results?: { label: string }[] };
  return body.code ?? body.results?.[0]?.label ?? "";
}

describe("the service", () => {
  let server: RunningServer;
  beforeAll(async () => {
    // 200 requests at once come from one caller here, which may have half of the places.
    server = await startServer({ MODELS_DIR: zoo, REQUESTS_QUEUED_MAX: "600" });
  });
  afterAll(async () => {
    await server.stop();
  });

  it("announces itself in one line once its default model is warm", async () => {
    expect(server.announcement).toMatch(/^Menagerie is ready: http:\/\/127\.0\.0\.1:\d+$/);
    const ready = (await (await fetch(`${server.url}/readyz`)).json()) as Record<string, unknown>;
    expect(ready).toMatchObject({ ready: true, live: true, default_model: "colours", models_loaded: 1 });
    const version = expect.stringMatching(/^\d+\.\d+/);
    const runtime = { name: "libtensorflow", version };
    const kernels = expect.stringMatching(/./);
    expect(ready["engine"]).toMatchObject({ kind: "process", runtime, libtensorflow: version, kernels });
  });

  it("answers curl with the sentence", async () => {
    const photo = join(zoo, "photo.png");
    await writeFile(photo, RED);
    const { stdout } = await promisify(execFile)("curl", ["-s", "-F", `image_file=@${photo}`, `${server.url}/infer`]);
    expect(stdout).toMatch(SENTENCE);
    const args = ["-s", "-H", "Accept: application/json", "-F", `image_file=@${photo}`, `${server.url}/infer`];
    const answer = JSON.parse((await promisify(execFile)("curl", args)).stdout) as { results: object[] };
    expect(answer.results[0]).toMatchObject({
      image: { name: "photo.png", width: 64, height: 48, format: "png" },
      model: { id: "colours", version: "1" },
      label: "red",
      index: 0,
      probability: expect.closeTo(Math.E / (Math.E + 2), 4),
      band: "high",
    });
  });

  it("answers with a graph and labels of the client's own, and later by SHA-256", async () => {
    const parts = {
      model_file: meanColourGraph(8, "own"),
      label_file: Buffer.from("0:r\n1:g\n2:b\n"),
      normalization: "0..1",
    };
    const response = await infer(server, { ...parts, image_file: GREEN });
    const { results } = (await response.json()) as { results: { label: string; model: { sha256: string } }[] };
    expect(results[0]?.label).toMatch(/g$/);
    const again = { model_sha256: results[0]?.model.sha256 ?? "", normalization: "0..1", image_file: RED };
    expect(await outcomeOf(infer(server, again))).toMatch(/r$/);
  });

  it("numbers the classes of a graph that came without labels", async () => {
    const parts = { model_file: meanColourGraph(8, "unlabelled"), normalization: "0..1", image_file: GREEN };
    expect(await outcomeOf(infer(server, parts))).toBe("class 1");
  });

  it("answers for each photo with each model, large photos too", async () => {
    const photos = await Promise.all(
      ["daisy-1", "roses-1"].map((name) => readFile(join(ROOT_DIR, `models/samples/${name}.jpg`))),
    );
    // Smaller ones share memory, which is copied anyway.
    expect(Math.min(...photos.map(({ length }) => length))).toBeGreaterThan(4096);
    const response = await infer(server, { image_file: photos, model: ["colours", "colours@1"] });
    const { results } = (await response.json()) as { results: { label?: string }[] };
    expect(results.map(({ label }) => label)).toEqual(Array.from({ length: 4 }, () => expect.any(String)));
  });

  it("says what a model expects, with the evidence", async () => {
    const spec = await (await fetch(`${server.url}/api/models/colours`)).json();
    expect(spec).toMatchObject({
      input: { tensor: "input", width: 8, height: 8, std: [255, 255, 255] },
      output: { tensor: "probabilities", kind: "softmax", classes: 3 },
      labels: { count: 3, offset: 0 },
      verdict: { allowed: true, forbidden: [] },
      evidence: expect.arrayContaining([expect.objectContaining({ field: "input.tensor", source: "manifest" })]),
    });
  });

  it("says what a graph of the client's own expects, and numbers its classes where it has no labels", async () => {
    const body = form({ model_file: meanColourGraph(8, "inspected") });
    const spec = await (await fetch(`${server.url}/api/models/inspect`, { method: "POST", body })).json();
    expect(spec).toMatchObject({ input: { tensor: "input", width: 8 }, output: { classes: 3 } });
  });

  const own = (graph: Buffer, labels: Buffer): Parts => ({ image_file: RED, model_file: graph, label_file: labels });
  it.each<[string, number, string, Parts]>([
    ["no file", 400, "image_missing", { top_k: "1" }],
    ["an empty file", 400, "image_missing", { image_file: Buffer.alloc(0) }],
    ["text as an image", 415, "image_unsupported", { image_file: Buffer.from("I am no photo.") }],
    ["a truncated PNG", 422, "image_undecodable", { image_file: RED.subarray(0, 70) }],
    ["a PNG that declares 60000x60000", 422, "image_too_large", { image_file: declaredPng(60_000, 60_000) }],
    ["a graph of one byte", 422, "graph_invalid", own(Buffer.from([7]), COLOURS)],
    ["a random graph", 422, "graph_invalid", own(randomBytes(4096), COLOURS)],
    ["a graph that reads a file", 422, "graph_op_forbidden", own(fileReadingGraph(), COLOURS)],
    [
      "an offset of labels that are not there",
      400,
      "labels_missing",
      { image_file: RED, model_file: meanColourGraph(), label_offset: "1" },
    ],
    ["labels of the wrong count", 422, "labels_mismatch", own(meanColourGraph(), Buffer.from("a\nb\nc\nd\ne\nf\ng\n"))],
    ["an image over the limit", 413, "upload_too_large", { image_file: Buffer.alloc(33 * 1024 * 1024) }],
  ])("%s is %i %s, and the service goes on", async (_what, status, code, parts) => {
    const response = await infer(server, parts);
    expect(await response.json()).toMatchObject({
      status,
      code,
      detail: expect.stringMatching(/^([A-Z`]|\w+_\w+[ =]).*\.$/s),
    });
    expect(response.status).toBe(status);
    expect(await outcomeOf(infer(server, { image_file: RED }))).toBe("red");
  });

  it("a truncated JPEG is image_undecodable", async () => {
    // Start of image, a JFIF header, and nothing after it.
    const cut = Buffer.from("ffd8ffe000104a46494600010100000100010000ffdb0043", "hex");
    expect(await outcomeOf(infer(server, { image_file: cut }))).toBe("image_undecodable");
  });

  it("labels with markup are escaped", async () => {
    const labels = Buffer.from("<script>alert(1)</script>\n<b>two</b>\nthree\n");
    const parts = { ...own(meanColourGraph(), labels), normalization: "0..1" };
    const text = await (await infer(server, parts, { accept: "text/html" })).text();
    expect(text).toBe("Detected <b>&lt;script&gt;alert(1)&lt;/script&gt;</b> with <u>high</u> confidence.\n");
    expect(await outcomeOf(infer(server, parts))).toBe("<script>alert(1)</script>");
  });

  it("200 broken requests at once are each answered with their code", async () => {
    const broken: [Parts, string][] = [
      [{ image_file: Buffer.from("text") }, "image_unsupported"],
      [{ image_file: RED.subarray(0, 70) }, "image_undecodable"],
      [{ image_file: declaredPng(60_000, 60_000) }, "image_too_large"],
      [{ image_file: RED, top_k: "0" }, "field_invalid"],
      [{ image_file: RED, model: "nope" }, "model_unknown"],
      [own(Buffer.from("one broken graph"), COLOURS), "graph_invalid"],
      [{ image_file: RED, model_file: meanColourGraph(), label_offset: "1" }, "labels_missing"],
      [own(meanColourGraph(), Buffer.from("a\nb\nc\nd\ne\nf\n")), "labels_mismatch"],
    ];
    const requests = Array.from({ length: 200 }, (_, index) => broken[index % broken.length] ?? [{}, ""]);
    const outcomes = await Promise.all(requests.map(([parts]) => outcomeOf(infer(server, parts))));
    expect(outcomes).toEqual(requests.map(([, code]) => code));
    expect(await outcomeOf(infer(server, { image_file: RED }))).toBe("red");
  });

  it("an engine killed while it waits is replaced before the next request notices", async () => {
    signalAll(server.engines(), "SIGKILL");
    expect(await outcomeOf(infer(server, { image_file: RED }))).toBe("red");
  });
});

/** A service with a door before its engine. */
async function startWithDoor(environment: Record<string, string> = {}): Promise<{ server: RunningServer; door: Door }> {
  const door = await makeDoor();
  onTestFinished(() => door.remove());
  const server = await startServer({ MODELS_DIR: zoo, ENGINE_PATH: door.enginePath, ...environment });
  onTestFinished(async () => {
    await door.open();
    await server.stop();
  });
  return { server, door };
}

/** Sends a request, and kills the engines once it is with one of them. */
async function killDuringRequest(server: RunningServer, door: Door): Promise<Response> {
  await door.shut();
  const answer = infer(server, { image_file: RED });
  await door.reached();
  signalAll(server.engines(), "SIGKILL");
  await door.open();
  return await answer;
}

describe("an engine killed during a request", () => {
  it("is replaced, and the request answered on the fresh one", async () => {
    const { server, door } = await startWithDoor();
    expect(await outcomeOf(killDuringRequest(server, door))).toBe("red");
  });

  it("is engine_failed without retries, and the next request is answered", async () => {
    const { server, door } = await startWithDoor({ ENGINE_RETRIES: "0" });
    const response = await killDuringRequest(server, door);
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({
      code: "engine_failed",
      detail: "The engine ended before it answered: it was ended by SIGKILL.",
    });
    expect(await outcomeOf(infer(server, { image_file: RED }))).toBe("red");
  });
});

describe("a stop", () => {
  it.each(["SIGTERM", "SIGINT"] as const)(
    "by %s finishes what is in flight, ends the engines and exits 0",
    async (signal) => {
      const { server, door } = await startWithDoor();
      const engines = server.engines();
      await door.shut();
      const answer = infer(server, { image_file: RED });
      await door.reached();
      const exitCode = server.stop(signal);
      await expect
        .poll(() =>
          fetch(`${server.url}/healthz`).then(
            () => "open",
            () => "closed",
          ),
        )
        .toBe("closed");
      await door.open();
      expect(await outcomeOf(answer)).toBe("red");
      expect(await exitCode).toBe(0);
      expect(engines.filter(isRunning)).toEqual([]);
    },
  );

  it("asked for twice is at once", async () => {
    const { server, door } = await startWithDoor();
    const engines = server.engines();
    await door.shut();
    const answer = infer(server, { image_file: RED }).catch(() => "cut off");
    await door.reached();
    server.child.kill("SIGTERM");
    await expect.poll(() => server.log()).toContain("stopping");
    expect(await server.stop("SIGTERM")).toBe(130);
    expect(await answer).toBe("cut off");
    await door.open();
    await expect.poll(() => engines.filter(isRunning)).toEqual([]);
  });
});

describe("a service that cannot listen", () => {
  it("says in one sentence that its port is taken, and ends", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const start = startServer({ MODELS_DIR: zoo, PORT: String(port), LOG_LEVEL: "silent" });
    const sentence = `up: Port ${port} of 127\\.0\\.0\\.1 is taken by another program; .* PORT=${port + 1} npm start\\.\\n$`;
    await expect(start).rejects.toThrow(new RegExp(sentence));
    taken.close();
  });
});

describe("a service whose engine addon cannot be loaded", () => {
  it("says why in one sentence, and ends", async () => {
    const start = startServer({
      MODELS_DIR: zoo,
      ENGINE: "addon",
      LIBTENSORFLOW_PATH: "/nowhere",
      LOG_LEVEL: "silent",
    });
    await expect(start).rejects.toThrow(
      /before it was up: The engine addon cannot be loaded: libtensorflow was not found[^\n]*\n$/,
    );
  });
});

describe("a service without its engine", () => {
  it("comes up, says that it is not ready, and answers engine_unavailable", async () => {
    const server = await startServer({ MODELS_DIR: zoo, ENGINE_PATH: "/nowhere/menagerie-engine" });
    expect(server.announcement).toMatch(/not ready/);
    const ready = await fetch(`${server.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await outcomeOf(infer(server, { image_file: RED }))).toBe("engine_unavailable");
    expect(await server.stop()).toBe(0);
  });
});

describe.each(["process", "addon"])("a service with ENGINE=%s", (engine) => {
  it.each([
    // libtensorflow of Linux has it built in.
    ["1", process.platform === "linux" ? /^oneDNN$/ : /^(oneDNN|Eigen)$/],
    ["0", /^Eigen$/],
  ])("says which kernels run where TF_ENABLE_ONEDNN_OPTS is %s", async (asked, kernels) => {
    const server = await startServer({ MODELS_DIR: zoo, ENGINE: engine, TF_ENABLE_ONEDNN_OPTS: asked });
    const ready = await (await fetch(`${server.url}/readyz`)).json();
    expect(ready).toMatchObject({ engine: { kind: engine, kernels: expect.stringMatching(kernels) } });
    expect(await outcomeOf(infer(server, { image_file: RED }))).toBe("red");
    await server.stop();
  });
});

describe("a service with ENGINE=addon", () => {
  it("answers with models of its zoo and refuses graphs of others", async () => {
    const server = await startServer({ MODELS_DIR: zoo, ENGINE: "addon" });
    expect(await outcomeOf(infer(server, { image_file: RED }))).toBe("red");
    const own = { image_file: RED, model_file: meanColourGraph(8, "own"), label_file: COLOURS };
    expect(await outcomeOf(infer(server, own))).toBe("forbidden");
    expect(await server.stop()).toBe(0);
  });
});
