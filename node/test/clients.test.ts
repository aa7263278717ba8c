/** The clients of `menagerie/client` and of Python: the same calls, the same errors, the same tries. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { InferAnswer, KeptImage } from "../src/client/index.js";
import { type Ask, type Asked, type Failure, HERE } from "./support/clients.js";
import { type FakeService, startFakeService } from "./support/fake-service.js";
import { type FeedbackInFolder, openFeedback } from "./support/feedback.js";
import { COLOURS } from "./support/graph-def.js";
import { json, problem, startScripted } from "./support/scripted-service.js";

const RED: Asked = { method: "classify", images: ["red"] };
const SERVICE: Asked = { method: "service" };

describe.each(HERE)("the client in %s", (_name, ask) => {
  const answerOf = async (url: string, asked: Asked) => {
    const outcome = await ask(url, asked);
    if ("error" in outcome) throw new Error(`${outcome.error.code}: ${outcome.error.message}`);
    return outcome.answer;
  };
  const errorOf = (url: string, asked: Asked) => refused(ask, url, asked);

  describe("of a service", () => {
    let url: string;
    let service: FakeService;
    let remembered: FeedbackInFolder;

    beforeAll(async () => {
      remembered = await openFeedback();
      const limits = { graphBytesMax: 1_000_000, requestsPerWindowMax: 0 };
      service = await startFakeService(limits, null, undefined, remembered.feedback);
      url = service.url;
    });
    afterAll(async () => {
      await service.close();
      await remembered.remove();
    });

    it("classifies an image", async () => {
      expect(await answerOf(url, RED)).toMatchObject({
        request_id: expect.any(String),
        image: { name: "image-1" },
        model: { id: "colours" },
        label: "red",
      });
    });

    it("classifies several images with several models in the order of the request", async () => {
      const { results } = (await answerOf(url, {
        method: "infer",
        images: ["red", "nothing", "blue"],
        fields: { model: ["colours", "colours@1"], top_k: 1 },
      })) as { results: { label?: string; top?: unknown[]; error?: { code: string } }[] };
      const outcomes = results.map(({ label, error }) => label ?? error?.code);
      expect(outcomes).toEqual(["red", "red", "image_unsupported", "image_unsupported", "blue", "blue"]);
      expect(results[0]?.top).toHaveLength(1);
    });

    it("sends a graph and labels of its own, and fields that are true or false", async () => {
      const fields = { model_file: "graph of mine", label_file: "un\ndeux\ntrois\n", picture: true };
      const answer = await answerOf(url, { ...RED, fields });
      expect(answer).toMatchObject({
        label: "un",
        model: { id: "uploaded" },
        input: { picture: expect.stringMatching(/^data:/) },
      });
    });

    it("explains an answer", async () => {
      const answer = await answerOf(url, { method: "explain", images: ["red"], fields: { detail: 3 } });
      expect(answer).toMatchObject({ label: "red", explanation: { grid: { length: 3 } } });
    });

    it("keeps an image, and asks of it by its id", async () => {
      const kept = (await answerOf(url, { method: "keep", images: ["blue"] })) as KeptImage;
      expect(kept).toMatchObject({ name: "image-1", bytes: 4 });
      const images = ["red", { image_id: kept.id }];
      const { results } = (await answerOf(url, { method: "infer", images })) as { results: { label: string }[] };
      expect(results.map(({ label }) => label)).toEqual(["red", "blue"]);
    });

    it("says what an answer really was", async () => {
      const { request_id: id } = (await answerOf(url, { method: "infer", images: ["red", "blue"] })) as InferAnswer;
      const said = { request_id: id, label: "bleu", right: false };
      const feedback = { method: "feedback", id, label: "bleu" } as const;
      expect(await answerOf(url, feedback)).toEqual({ ...said, index: 0, answered: "red" });
      expect(await answerOf(url, { ...feedback, fields: { index: 1 } })).toEqual({
        ...said,
        index: 1,
        answered: "blue",
      });
      expect(await errorOf(url, { ...feedback, id: "none" })).toMatchObject({ code: "request_unknown", status: 404 });
    });

    it("lists models, and describes one and a graph", async () => {
      const models = await answerOf(url, { method: "models" });
      expect(models).toMatchObject([{ id: "colours" }, { id: "listed" }, { id: "damaged" }]);
      expect(await answerOf(url, { method: "model", id: "colours@1" })).toMatchObject({ id: "colours", version: "1" });
      const fields = { model_file: "graph of mine", label_file: COLOURS.toString() };
      expect(await answerOf(url, { method: "inspect", fields })).toMatchObject({ labels: { count: 3 } });
    });

    it("takes an answer without labels where there is no other", async () => {
      service.classifier.gate = new Promise(() => {});
      try {
        const fields = { deadline_ms: 200, fallback: "empty" };
        const answer = await answerOf(url, { method: "infer", images: ["red"], fields });
        expect(answer).toMatchObject({ degraded: true, results: [], error: { code: "engine_timeout" } });
      } finally {
        service.classifier.gate = Promise.resolve();
      }
    });

    it("says what the service is", async () => {
      expect(await answerOf(url, SERVICE)).toMatchObject({ role: "admin", limits: { graph_bytes_max: 1_000_000 } });
      expect(await answerOf(`${url}/`, { method: "ready" })).toMatchObject({ ready: true });
    });

    it("fails with the service's code, status, words and request id", async () => {
      const error = await errorOf(url, { ...RED, fields: { top_k: 0 } });
      expect(error).toMatchObject({ code: "field_invalid", status: 400, requestId: expect.any(String) });
      expect(error.message).toMatch(/^top_k=0: /);
      expect(await errorOf(url, { method: "model", id: "no/such one" })).toMatchObject({ code: "model_unknown" });
    });

    it("hears why an upload is refused while it is on its way", async () => {
      const fields = { model_file: "x".repeat(20_000_000) };
      expect(await errorOf(url, { method: "inspect", fields })).toMatchObject({ code: "upload_too_large" });
    });
  });

  it("sends what holds while a form comes in the query string", async () => {
    const { url, seen } = await startScripted(json({ request_id: "r", degraded: true, results: [] }));
    const fields = { deadline_ms: 50, fallback: "empty", top_k: 1 };
    expect(await answerOf(url, { method: "infer", images: ["red"], fields })).toMatchObject({ degraded: true });
    expect(seen[0]?.request.url).toBe("/infer?deadline_ms=50&fallback=empty");
    expect(seen[0]?.body.toString()).toContain("top_k");
    expect(seen[0]?.body.toString()).not.toContain("deadline_ms");
  });

  it("sends its key", async () => {
    const { url, seen } = await startScripted(json({ version: "1" }));
    await answerOf(`${url}/below/a/path`, { ...SERVICE, key: "secret" });
    expect(seen[0]?.request.headers.authorization).toBe("Bearer secret");
    expect(seen[0]?.request.url).toBe("/below/a/path/api/service");
  });

  it("says that a service is not ready, instead of failing", async () => {
    const { url, seen } = await startScripted({ ...json({ ready: false, live: true }), status: 503 });
    expect(await answerOf(url, { method: "ready" })).toEqual({ ready: false, live: true });
    expect(seen).toHaveLength(1);
  });

  it("tries again what passes, with the whole form, after the seconds that the service asks for", async () => {
    const results = [{ label: "red" }];
    const { url, seen } = await startScripted(
      problem(503, "overloaded", { "retry-after": "1" }),
      problem(429, "rate_limited", { "retry-after": "0" }),
      problem(503, "engine_unavailable"),
      json({ request_id: "r", results }),
    );
    expect(await answerOf(url, { ...RED, images: ["red".repeat(50_000)], waitMsMax: 1000 })).toEqual({
      request_id: "r",
      label: "red",
    });
    const [first, second, ...others] = seen;
    expect(others).toHaveLength(2);
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(1000);
    expect(first?.body.length).toBeGreaterThan(150_000);
    for (const { body } of others) expect(body.length).toBe(first?.body.length);
  });

  it("waits until the date that the service names", async () => {
    const date = new Date(Date.now() + 2000).toUTCString();
    const { url, seen } = await startScripted(
      problem(503, "overloaded", { "retry-after": date }),
      json({ version: "1" }),
    );
    expect(await answerOf(url, SERVICE)).toEqual({ version: "1" });
    expect(seen[1]?.atMs).toBeGreaterThanOrEqual(Date.parse(date));
  });

  it("does not wait for longer than its bound, or than the call may take", async () => {
    const { url, seen } = await startScripted(problem(503, "overloaded", { "retry-after": "20" }));
    const error = await errorOf(url, { ...SERVICE, waitMsMax: 19_999 });
    expect(error).toMatchObject({ code: "overloaded", status: 503, requestId: "r-1", retryAfterSeconds: 20 });
    expect(await errorOf(url, { ...SERVICE, timeoutMs: 19_000 })).toMatchObject({ code: "overloaded" });
    expect(seen).toHaveLength(2);
  });

  it("gives up after as many tries as it may make", async () => {
    const { url, seen } = await startScripted(problem(503, "overloaded"));
    expect(await errorOf(url, { ...SERVICE, retriesMax: 2 })).toMatchObject({ code: "overloaded" });
    expect(seen).toHaveLength(3);
  });

  it("does not try again what would fail again", async () => {
    const { url, seen } = await startScripted(problem(422, "image_undecodable"));
    expect(await errorOf(url, RED)).toMatchObject({ code: "image_undecodable", status: 422 });
    expect(seen).toHaveLength(1);
  });

  it("tries again when a connection fails or a proxy answers for a service that does not", async () => {
    const proxy = { status: 502, headers: { "content-type": "text/html" }, body: "<h1>Bad Gateway</h1>" };
    const { url, seen } = await startScripted("close", proxy, json({ version: "1" }));
    expect(await answerOf(url, SERVICE)).toEqual({ version: "1" });
    expect(seen).toHaveLength(3);
  });

  it("does not repeat what changes something, where its answer was lost", async () => {
    const { url, seen } = await startScripted(problem(503, "overloaded"), "close");
    expect(await errorOf(url, { method: "keep", images: ["red"] })).toMatchObject({ code: "unreachable" });
    expect(seen).toHaveLength(2);
  });

  it("says that nothing answers, and that something else does", async () => {
    const gone = await startScripted("close");
    await gone.close();
    expect(await errorOf(gone.url, { ...RED, retriesMax: 1 })).toMatchObject({ code: "unreachable" });
    const { url, seen } = await startScripted({ status: 200, headers: { "content-type": "text/html" }, body: "{}" });
    expect(await errorOf(url, SERVICE)).toMatchObject({ code: "unexpected", status: 200 });
    expect(seen).toHaveLength(1);
  });

  it("takes a time that is longer than timers count", async () => {
    const { url } = await startScripted(json({ version: "1" }));
    expect(await answerOf(url, { ...SERVICE, timeoutMs: 1e13 })).toEqual({ version: "1" });
  });

  it("ends a call that takes longer than it may", async () => {
    const { url, seen } = await startScripted("hang");
    expect(await errorOf(url, { ...RED, timeoutMs: 300 })).toMatchObject({ code: "timed_out" });
    expect(seen).toHaveLength(1);
  });
});

async function refused(ask: Ask, url: string, asked: Asked): Promise<Failure> {
  const outcome = await ask(url, asked);
  if ("answer" in outcome) throw new Error(`it answered ${JSON.stringify(outcome.answer)}`);
  return outcome.error;
}
