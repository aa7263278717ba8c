/** Every route through HTTP, with fakes behind the app. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Problem } from "../src/errors.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";
import { COLOURS } from "./support/graph-def.js";

const RED = Buffer.from("red");
const GREEN = Buffer.from("green");
const JSON_ONLY = { accept: "application/json" };
const BROWSER = { accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8" };

let service: FakeService;
beforeAll(async () => {
  service = await startFakeService();
});
afterAll(async () => {
  await service.close();
});

function get(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(service.url + path, init);
}

function infer(body: RequestInit["body"], headers: Record<string, string> = {}, query = ""): Promise<Response> {
  return fetch(`${service.url}/infer${query}`, { method: "POST", body: body ?? null, headers });
}

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
  return (await response.json()) as Problem;
}

interface Item {
  image: { name: string };
  model: { id: string; version?: string; sha256?: string };
  label?: string;
  top?: unknown[];
  input?: { picture?: string };
  error?: Problem;
}

async function itemsOf(response: Response): Promise<Item[]> {
  expect(response.status).toBe(200);
  return ((await response.json()) as { results: Item[] }).results;
}

describe("the answer's form", () => {
  it.each([undefined, "*/*", "text/html", "text/html, text/plain;q=0.5"])(
    "is the bare sentence for Accept %s",
    async (accept) => {
      const response = await infer(form({ image_file: RED }), accept === undefined ? {} : { accept });
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
      expect(await response.text()).toBe("Detected <b>red</b> with <u>high</u> confidence.\n");
    },
  );

  it("is a page with the picture for a browser's form", async () => {
    const response = await infer(form({ image_file: RED }), BROWSER);
    const text = await response.text();
    expect(text).toMatch(/^<!doctype html>/);
    expect(text).toContain("Detected <b>red</b> with <u>high</u> confidence.");
    expect(text).toContain('<img src="data:image/png;base64,AAAA"');
  });

  it.each<[string, RequestInit]>([
    ["/infer", { method: "POST", body: form({ image_file: RED }) }],
    ["/infer?top_k=0", { method: "POST", body: form({ image_file: RED }) }],
    ["/infer/", { method: "POST", body: form({ image_file: RED }) }],
    ["/infer", {}],
    ["/api/models/nope", {}],
    ["/api/models/a/b/c", {}],
    ["/nothing", {}],
    ["/nothing/", {}],
  ])("is a page that finds its style and the way back below any path of a proxy: %s %o", async (path, init) => {
    const text = await (await get(path, { ...init, headers: BROWSER })).text();
    const hrefs = [...text.matchAll(/href="([^"]+)"/g)].map(([, href = ""]) => href);
    const seen = hrefs.map((href) => new URL(href, `http://proxy.example/cats${path}`).href);
    expect(seen).toEqual(["http://proxy.example/cats/style.css", "http://proxy.example/cats/"]);
  });

  it("is JSON for application/json, in the shape of the contract", async () => {
    const response = await infer(form({ image_file: RED }), { ...JSON_ONLY, "x-request-id": "test-1" });
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(await response.json()).toEqual({
      request_id: "test-1",
      results: [
        {
          image: { name: "photo.png", width: 8, height: 8, format: "png" },
          model: { id: "colours", version: "1", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
          label: "red",
          index: 0,
          settings: { certain: true, by: "read" },
          probability: expect.closeTo(0.576, 3),
          band: "high",
          top: expect.arrayContaining([{ label: "red", index: 0, probability: expect.closeTo(0.576, 3) }]),
          input: { width: 8, height: 8, sha256: "0".repeat(64) },
          timings_ms: { decode: 1, resize: 1, queue: 1, run: 1, total: 4 },
        },
      ],
    });
  });

  it.each([
    ["json", "application/json; charset=utf-8"],
    ["html", "text/html; charset=utf-8"],
    ["text", "text/plain; charset=utf-8"],
  ])("?format=%s wins over Accept", async (format, type) => {
    const response = await infer(form({ image_file: RED }), BROWSER, `?format=${format}`);
    expect(response.headers.get("content-type")).toBe(type);
    expect(await response.text()).toContain("red");
  });

  it("text/plain gets the sentence without markup", async () => {
    const response = await infer(form({ image_file: RED }), { accept: "text/plain" });
    expect(await response.text()).toBe("Detected red with high confidence.\n");
  });

  it("an unknown format is field_invalid", async () => {
    const problem = await problemOf(await infer(form({ image_file: RED }), {}, "?format=xml"));
    expect(problem).toMatchObject({ status: 400, code: "field_invalid" });
    expect(problem.detail).toMatch(/format=xml is none of json, html, text/);
  });

  it("labels and file names are escaped in HTML and intact in JSON", async () => {
    const evil = '<script>alert("1")</script>';
    const parts = { image_file: RED, model_file: Buffer.from("graph e"), label_file: Buffer.from(`${evil}\nb\nc\n`) };
    for (const headers of [{ accept: "*/*" }, BROWSER]) {
      const text = await (await infer(form(parts, "<img src=x>.png"), headers)).text();
      expect(text).toContain("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;");
      expect(text).not.toMatch(/<script>|<img src=x>/);
    }
    const [item] = await itemsOf(await infer(form(parts, "<img src=x>.png"), JSON_ONLY));
    expect(item?.label).toBe(evil);
    expect(item?.image.name).toBe("<img src=x>.png");
  });

  it("problems quote the client's text escaped in a page", async () => {
    const text = await (await infer(form({ image_file: Buffer.from("<script>x</script>") }), BROWSER)).text();
    expect(text).toContain("this is no image: &lt;script&gt;");
    expect(text).not.toContain("<script>");
  });
});

describe("POST /infer", () => {
  it("says what is unsure of a graph in JSON and on the page, and leaves the sentence as it is", async () => {
    const parts = { image_file: RED, model_file: Buffer.from("graph that leaves <b>unsure</b>") };
    const [item] = await itemsOf(await infer(form(parts), JSON_ONLY));
    expect(item).toMatchObject({ label: "red", warnings: ["input.mean is only 60 % sure"] });
    expect(await (await infer(form(parts), BROWSER)).text()).toContain("<li>input.mean is only 60 % sure</li>");
    expect(await (await infer(form(parts))).text()).toBe("Detected <b>red</b> with <u>high</u> confidence.\n");
    const [sure] = await itemsOf(await infer(form({ image_file: RED }), JSON_ONLY));
    expect(sure).not.toHaveProperty("warnings");
  });

  it("takes the image as the raw body, with the fields in the query", async () => {
    for (const type of ["image/png", "application/octet-stream"]) {
      const [item] = await itemsOf(await infer(GREEN, { ...JSON_ONLY, "content-type": type }, "?top_k=2"));
      expect(item?.label).toBe("green");
      expect(item?.top).toHaveLength(2);
    }
  });

  it("a field of the form wins over one of the query", async () => {
    const [item] = await itemsOf(await infer(form({ image_file: RED, top_k: "1" }), JSON_ONLY, "?top_k=3"));
    expect(item?.top).toHaveLength(1);
  });

  it("answers images outermost, models within", async () => {
    const body = form({ image_file: [RED, GREEN], model: ["colours", "colours@1"] });
    const items = await itemsOf(await infer(body, JSON_ONLY));
    expect(items.map(({ label }) => label)).toEqual(["red", "red", "green", "green"]);
  });

  it("writes one line for each image and model", async () => {
    const text = await (await infer(form({ image_file: [RED, GREEN] }))).text();
    expect(text).toBe(
      "Detected <b>red</b> with <u>high</u> confidence.\nDetected <b>green</b> with <u>high</u> confidence.\n",
    );
  });

  it("an item that failed alone carries its problem", async () => {
    const response = await infer(form({ image_file: [RED, Buffer.from("text"), GREEN] }), JSON_ONLY);
    const items = await itemsOf(response);
    expect(items.map((item) => item.error?.code ?? item.label)).toEqual(["red", "image_unsupported", "green"]);
    expect(items[1]?.error).toMatchObject({ status: 415, request_id: response.headers.get("x-request-id") });
    expect(items[1]).not.toHaveProperty("cause");
  });

  it("a model that is unknown among others fails alone", async () => {
    const items = await itemsOf(await infer(form({ image_file: RED, model: ["nope", "colours"] }), JSON_ONLY));
    expect(items.map((item) => item.error?.code ?? item.label)).toEqual(["model_unknown", "red"]);
    expect(items[0]?.model.id).toBe("nope");
  });

  it("when nothing succeeded, the status is that of the first problem", async () => {
    const response = await infer(form({ image_file: [Buffer.from("a"), Buffer.from("")] }), JSON_ONLY);
    expect(await problemOf(response)).toMatchObject({ status: 415, code: "image_unsupported" });
  });

  it("answers with an uploaded graph, and later by its SHA-256", async () => {
    const parts = { image_file: GREEN, model_file: Buffer.from("graph u"), label_file: Buffer.from("r\ng\nb\n") };
    const [item] = await itemsOf(await infer(form(parts), JSON_ONLY));
    expect(item).toMatchObject({ label: "g", model: { id: "uploaded" } });
    const sha256 = item?.model.sha256 ?? "";
    const loads = service.engine.loadCount;
    const [later] = await itemsOf(await infer(form({ image_file: RED, model_sha256: sha256 }), JSON_ONLY));
    expect(later).toMatchObject({ label: "r", model: { sha256 } });
    expect(service.engine.loadCount).toBe(loads);
    const relabelled = form({ image_file: RED, model_sha256: sha256, label_file: COLOURS });
    expect((await itemsOf(await infer(relabelled, JSON_ONLY)))[0]?.label).toBe("red");
  });

  it("sends the picture only when asked", async () => {
    const [without] = await itemsOf(await infer(form({ image_file: RED }), JSON_ONLY));
    expect(without?.input).not.toHaveProperty("picture");
    const [with_] = await itemsOf(await infer(form({ image_file: RED, picture: "1" }), JSON_ONLY));
    expect(with_?.input?.picture).toMatch(/^data:image\/png/);
  });

  it("hands settings to the engine and options to the classifier", async () => {
    const graph = Buffer.from("graph settings");
    const body = form({
      image_file: RED,
      model_file: graph,
      label_file: COLOURS,
      size: "8",
      normalization: "caffe",
      crop: "1,2,3,4",
      score_threshold: "0.5",
    });
    await itemsOf(await infer(body, JSON_ONLY));
    expect(service.engine.requests.at(-1)).toEqual({
      origin: "stranger",
      format: "auto",
      overrides: { width: 8, height: 8, mean: [103.939, 116.779, 123.68], std: [1], channel_order: "BGR" },
      source: "request",
      label_count: 3,
      graph_sha256: createHash("sha256").update(graph).digest("hex"),
      threads: 0,
    });
    expect(service.classifier.seen.at(-1)).toMatchObject({
      scoreThreshold: 0.5,
      crop: { kind: "rectangle", x: 1, y: 2, width: 3, height: 4 },
    });
  });

  it.each<[string, number, string, Parameters<typeof form>[0]]>([
    ["no image", 400, "image_missing", { top_k: "3" }],
    ["an empty image", 400, "image_missing", { image_file: Buffer.alloc(0) }],
    ["text as an image", 415, "image_unsupported", { image_file: Buffer.from("hello") }],
    [
      "an offset of labels that are not there",
      400,
      "labels_missing",
      { image_file: RED, model_file: Buffer.from("graph"), label_offset: "1" },
    ],
    ["labels without a graph", 400, "field_invalid", { image_file: RED, label_file: COLOURS }],
    [
      "empty labels",
      422,
      "labels_invalid",
      { image_file: RED, model_file: Buffer.from("graph"), label_file: Buffer.from("") },
    ],
    [
      "a graph of one byte",
      422,
      "graph_invalid",
      { image_file: RED, model_file: Buffer.from("x"), label_file: COLOURS },
    ],
    ["an unknown model", 404, "model_unknown", { image_file: RED, model: "nope" }],
    ["an unknown version", 404, "version_unknown", { image_file: RED, model: "colours@7" }],
    ["an unknown SHA-256", 404, "model_unknown", { image_file: RED, model_sha256: "0".repeat(64) }],
    ["a damaged model", 503, "engine_unavailable", { image_file: RED, model: "damaged" }],
    ["a model that was not fetched", 503, "engine_unavailable", { image_file: RED, model: "listed" }],
    ["an address", 422, "url_forbidden", { image_url: "http://127.0.0.1/" }],
    ["an unknown file field", 400, "field_invalid", { picture_file: RED }],
    ["top_k out of its range", 400, "field_invalid", { image_file: RED, top_k: "101" }],
    ["two graphs", 400, "field_invalid", { image_file: RED, model_file: [Buffer.from("graph"), Buffer.from("graph")] }],
  ])("%s is %i %s", async (_what, status, code, parts) => {
    const problem = await problemOf(await infer(form(parts), JSON_ONLY));
    expect(problem).toMatchObject({ status, code, type: "about:blank", title: expect.any(String) });
    expect(problem.error).toBe(problem.detail);
    expect((await infer(form({ image_file: RED }))).status).toBe(200);
  });

  it.each([
    ["no body at all", null, {}],
    ["a body of another type", "image_file=x", { "content-type": "application/x-www-form-urlencoded" }],
  ])("%s is image_missing", async (_what, body, headers) => {
    expect(await problemOf(await infer(body, headers))).toMatchObject({ status: 400, code: "image_missing" });
  });

  it.each([
    ["has no boundary", "x", "multipart/form-data"],
    [
      "ends in the middle",
      '--b\r\nContent-Disposition: form-data; name="image_file"; filename="a"\r\n\r\nred',
      "multipart/form-data; boundary=b",
    ],
  ])("a form that %s is field_invalid", async (_what, body, type) => {
    const problem = await problemOf(await infer(body, { "content-type": type }));
    expect(problem.status).toBe(400);
    expect(["field_invalid", "image_missing"]).toContain(problem.code);
  });

  it("a bug is internal, and its message stays in the log", async () => {
    const problem = await problemOf(await infer(form({ image_file: Buffer.from("trap") })));
    expect(problem).toMatchObject({ status: 500, code: "internal" });
    expect(JSON.stringify(problem)).not.toContain("secret");
    expect(service.logLines.join("")).toContain("secret/path");
  });

  it("the engine's death fails the request with engine_failed when no retry is left, and the next succeeds", async () => {
    const strict = await startFakeService({ engineRetries: 0 });
    const ask = () => fetch(`${strict.url}/infer`, { method: "POST", body: form({ image_file: RED }) });
    strict.engine.diesAfter = 0;
    expect(await problemOf(await ask())).toMatchObject({ status: 502, code: "engine_failed" });
    expect((await ask()).status).toBe(200);
    await strict.close();
  });

  it("the engine's death goes unseen when a retry is left", async () => {
    service.engine.diesAfter = 0;
    expect((await infer(form({ image_file: RED }))).status).toBe(200);
    expect(service.engine.diesAfter).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("the zoo", () => {
  it("lists its models with their state", async () => {
    const { models } = (await (await get("/api/models")).json()) as { models: Record<string, unknown>[] };
    expect(models.map(({ id, state, default: isDefault }) => [id, state, isDefault])).toEqual([
      ["colours", "available", true],
      ["listed", "not fetched", false],
      ["damaged", "failed", false],
    ]);
    expect(models[0]).toMatchObject({
      versions: ["1"],
      served: "1",
      registered: false,
      licence: "Apache-2.0",
      classes: 3,
      input: { width: 8, height: 8 },
    });
  });

  it("answers the resolved spec of a model, labels included", async () => {
    const spec = await (await get("/api/models/colours")).json();
    expect(spec).toMatchObject({
      id: "colours",
      input: { tensor: "input", width: 8 },
      output: { classes: 3 },
      labels: { count: 3, offset: 0, format: "plain" },
      evidence: [],
      verdict: { allowed: true },
    });
  });

  it("answers the resolved spec of a graph that comes with the request, with labels and without", async () => {
    const inspect = (parts: Parameters<typeof form>[0]) =>
      get("/api/models/inspect", { method: "POST", body: form(parts) });
    const graph = Buffer.from("graph to inspect");
    const spec = await (await inspect({ model_file: graph, label_file: COLOURS, size: "8" })).json();
    expect(spec).toMatchObject({ input: { width: 8 }, labels: { count: 3 }, graph: { bytes: graph.length } });
    expect(service.engine.requests.at(-1)).toMatchObject({ overrides: { width: 8 }, label_count: 3 });
    expect((await inspect({ model_file: graph })).status).toBe(200);
    expect(await problemOf(await inspect({ label_file: COLOURS }))).toMatchObject({
      status: 400,
      code: "field_invalid",
    });
    expect(await problemOf(await inspect({ model_file: Buffer.from("x") }))).toMatchObject({ code: "graph_invalid" });
  });

  it("is inspected with what labelled photos decide, and why", async () => {
    const inspect = (parts: Parameters<typeof form>[0]) =>
      get("/api/models/inspect", { method: "POST", body: form({ model_file: Buffer.from("graph e"), ...parts }) });
    const pairs = { example_file: [RED, GREEN], example_label: ["red", "green"] };
    const spec = await (await inspect({ label_file: COLOURS, ...pairs })).json();
    expect(spec).toMatchObject({
      input: { channel_order: "BGR" },
      evidence: [{ field: "input.channel_order", source: "examples", because: "with 2 labelled photos" }],
      warnings: ["a label may be wrong"],
    });
    expect((await (await inspect({ label_file: COLOURS })).json()).input.channel_order).toBe("RGB");
    const wrong = await problemOf(await inspect({ label_file: COLOURS, ...pairs, example_label: ["red", "rad"] }));
    expect(wrong).toMatchObject({ status: 400, code: "field_invalid", detail: expect.stringContaining("rad") });
    const alone = await problemOf(await inspect({ ...pairs, example_label: "red" }));
    expect(alone.detail).toBe(
      "2 photos came as example_file and 1 label as example_label; each photo takes one label, which may be empty.",
    );
  });

  it("is inspected by its SHA-256 where it was sent before, and one that was not is model_unknown", async () => {
    const inspect = (parts: Parameters<typeof form>[0]) =>
      get("/api/models/inspect", { method: "POST", body: form(parts) });
    const model_file = Buffer.from("graph that stays");
    const { input } = await (await inspect({ model_file, label_file: COLOURS })).json();
    const model_sha256 = createHash("sha256").update(model_file).digest("hex");
    const again = await inspect({ model_sha256, example_file: RED, example_label: "red" });
    expect([again.status, await again.json()]).toMatchObject([200, { input: { ...input, channel_order: "BGR" } }]);
    const never = await problemOf(await inspect({ model_sha256: "0".repeat(64) }));
    expect(never).toMatchObject({ status: 404, code: "model_unknown" });
  });

  it("answers as labelled photos decide, and warns of what is odd in them", async () => {
    const asked = { image_file: RED, model_file: Buffer.from("graph f"), label_file: COLOURS };
    const pairs = { example_file: [RED, GREEN], example_label: ["red", "green"] };
    const { results } = await (await infer(form({ ...asked, ...pairs }), JSON_ONLY)).json();
    expect(results).toMatchObject([{ label: "red", warnings: ["a label may be wrong"] }]);
    const known = await problemOf(await infer(form({ image_file: RED, ...pairs }), JSON_ONLY));
    expect(known.detail).toBe(
      "example_file=2 photos: it belongs to model_file or model_sha256, and neither was sent: models with an id have their settings.",
    );
  });

  it("gives a model's labels as text", async () => {
    const response = await get("/api/models/colours/labels");
    expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(await response.text()).toBe(COLOURS.toString());
  });

  it.each(["/api/models/nope", "/api/models/nope/labels"])("GET %s is model_unknown", async (path) => {
    expect(await problemOf(await get(path))).toMatchObject({ status: 404, code: "model_unknown" });
  });

  it("an unknown version is version_unknown", async () => {
    expect(await problemOf(await get("/api/models/colours@9/labels"))).toMatchObject({ code: "version_unknown" });
  });
});

describe("around it", () => {
  it("/healthz lives", async () => {
    expect(await (await get("/healthz")).json()).toEqual({ live: true });
  });

  it("/readyz is 200 when ready and 503 when not", async () => {
    expect((await get("/readyz")).status).toBe(200);
    const before = service.readiness;
    service.readiness = { ...before, ready: false, reason: "stopping" };
    const response = await get("/readyz");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ ready: false, live: true, reason: "stopping" });
    service.readiness = before;
  });

  it("/ is the page, and its script is served as one", async () => {
    expect(await (await get("/")).text()).toContain("<title>The page</title>");
    expect((await get("/main.js")).headers.get("content-type")).toMatch(/^text\/javascript/);
  });

  it.each(["/nothing", "/../package.json", "/api", "/infer/x"])("GET %s is not_found", async (path) => {
    expect(await problemOf(await get(path))).toMatchObject({ status: 404, code: "not_found" });
  });

  it("a browser sees a page for an address that is not there", async () => {
    const response = await get("/nothing", { headers: BROWSER });
    expect(response.status).toBe(404);
    expect(await response.text()).toMatch(/^<!doctype html>/);
  });

  it.each([
    ["GET", "/infer", "POST"],
    ["DELETE", "/api/models", "GET, HEAD, POST"],
    ["PUT", "/api/models/colours", "GET, HEAD, DELETE"],
    ["GET", "/api/models/colours/default", "PUT"],
    ["GET", "/api/models/colours/versions/1", "DELETE"],
    ["POST", "/healthz", "GET, HEAD"],
  ])("%s %s is method_not_allowed", async (method, path, allow) => {
    const response = await get(path, { method });
    expect(response.headers.get("allow")).toBe(allow);
    expect(await problemOf(response)).toMatchObject({
      status: 405,
      code: "method_not_allowed",
      detail: `${method} does not work on this address; use ${allow.replaceAll(", ", " or ")}.`,
    });
  });

  it("every answer carries the request id: the client's where it is plain, else a new one", async () => {
    const taken = await get("/healthz", { headers: { "x-request-id": "abc-123" } });
    expect(taken.headers.get("x-request-id")).toBe("abc-123");
    for (const sent of ["a b", "<script>", "x".repeat(200)]) {
      const made = await get("/nothing", { headers: { "x-request-id": sent } });
      expect(made.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
      expect((await problemOf(made)).request_id).toBe(made.headers.get("x-request-id"));
    }
  });

  it("every answer carries strict headers", async () => {
    for (const path of ["/", "/healthz", "/nothing"]) {
      const { headers } = await get(path);
      const policy = headers.get("content-security-policy");
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy?.replace("'wasm-unsafe-eval'", "")).not.toContain("unsafe");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.has("x-powered-by")).toBe(false);
    }
  });

  it("logs one JSON line a request, with the client's text escaped", async () => {
    await get("/%0a%22injected");
    await expect.poll(() => service.logLines.filter((line) => line.includes("injected")).length).toBeGreaterThan(0);
    for (const line of service.logLines) {
      expect(line.trimEnd()).not.toContain("\n");
      JSON.parse(line);
    }
  });
});
