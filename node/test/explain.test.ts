/** `POST /api/explain` through HTTP, and the exchanges of a map through worker threads. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { AppError } from "../src/errors.js";
import type { ClassifyTarget, ExplainQuestion } from "../src/ports.js";
import { createClassifier, targetOf } from "./support/classifier.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";
import { party } from "./support/party.js";
import { rgbPng, solidPng } from "./support/png.js";

const JSON_ONLY = { accept: "application/json" };

describe("the call", () => {
  let service: FakeService;
  beforeAll(async () => {
    service = await startFakeService();
  });
  afterAll(async () => {
    await service.close();
  });

  const explain = (parts: Parameters<typeof form>[0], headers: Record<string, string> = JSON_ONLY, query = "") =>
    fetch(`${service.url}/api/explain${query}`, { method: "POST", body: form(parts), headers });
  const RED = Buffer.from("red");

  it("answers the answer of /infer with a map of 7x7 beside it", async () => {
    const response = await explain({ image_file: RED });
    expect(response.status).toBe(200);
    const body = (await response.json()) as { explanation: { grid: number[][] } };
    expect(body).toMatchObject({
      request_id: response.headers.get("x-request-id"),
      image: { name: "photo.png", format: "png" },
      model: { id: "colours", version: "1" },
      label: "red",
      explanation: { class: { label: "red", index: 0 }, method: "occlusion", runs: 5 },
    });
    expect(body.explanation.grid.map((row) => row.length)).toEqual(Array.from({ length: 7 }, () => 7));
    expect(body.explanation).not.toHaveProperty("picture");
  });

  it.each([
    [{ accept: "image/png" }, ""],
    [{ accept: "image/png, application/json;q=0.5" }, ""],
    [JSON_ONLY, "?format=png"],
  ])("answers a picture to %j%s", async (headers, query) => {
    const response = await explain({ image_file: RED }, headers, query);
    expect(response.headers.get("content-type")).toBe("image/png");
    expect(
      Buffer.from(await response.arrayBuffer())
        .subarray(1, 4)
        .toString(),
    ).toBe("PNG");
  });

  it.each([
    [{ accept: "*/*" }, ""],
    [{ accept: "image/png" }, "?format=json"],
  ])("answers numbers to %j%s", async (headers, query) => {
    const response = await explain({ image_file: RED }, headers, query);
    expect(response.headers.get("content-type")).toContain("application/json");
  });

  it.each<[Parameters<typeof form>[0], string]>([
    [{}, "The request holds no image"],
    [{ image_file: [RED, RED] }, "image_file=2 images: it may be sent once"],
    [{ image_file: RED, model: ["colours", "listed"] }, "may be sent 1 time at most"],
    [{ image_file: RED, method: "gradients" }, "method=gradients: it must be occlusion or rise"],
    [{ image_file: RED, detail: "33" }, "detail=33: it must be a whole number from 3 to 32"],
    [{ image_file: RED, masks: "1" }, "masks=1: it must be a whole number from 2"],
    [{ image_file: RED, clas: "red" }, "did you mean class?"],
  ])("refuses %j", async (parts, words) => {
    const response = await explain(parts);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { detail: string }).detail).toContain(words);
  });

  it("keeps its fields from /infer", async () => {
    const body = form({ image_file: RED, method: "rise" });
    const response = await fetch(`${service.url}/infer`, { method: "POST", body, headers: JSON_ONLY });
    expect(response.status).toBe(400);
  });

  it("waits for its permit among clients' graphs, so that it holds up no classification", async () => {
    const few = await startFakeService({ requestsMax: 2 });
    let go = () => {};
    few.classifier.gate = new Promise((resolve) => {
      go = resolve;
    });
    onTestFinished(() => few.close());
    const post = (path: string) =>
      fetch(`${few.url}${path}`, { method: "POST", body: form({ image_file: RED }), headers: JSON_ONLY });
    const maps = [post("/api/explain"), post("/api/explain"), post("/api/explain")];
    await expect.poll(() => few.held()).toMatchObject({ requests: 1, waiting: 2 });
    const photo = post("/infer");
    await expect.poll(() => few.held()).toMatchObject({ requests: 2, waiting: 2 });
    go();
    expect((await photo).status).toBe(200);
    expect((await Promise.all(maps)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });
});

describe("the exchanges of a map", () => {
  const classifier = createClassifier();
  afterAll(() => classifier.close());

  const OPTIONS = { topK: 3, scoreThreshold: 0, picture: false };
  const WHY: ExplainQuestion = { class: null, method: "occlusion", detail: 8, masks: null };

  /** A model that sees 8x8 pixels and answers their mean colour; `seen` gets how many photos each frame holds. */
  async function target(seen: number[], changes: Partial<ClassifyTarget> = {}): Promise<ClassifyTarget> {
    const model = await targetOf("graph", { key: "explained", ...changes });
    return {
      ...model,
      exchange: (frame) => {
        seen.push(new DataView(frame.buffer, frame.byteOffset).getUint32(9, true));
        return model.exchange(frame);
      },
      ...changes,
    };
  }

  /** Grey, with one quarter red. */
  function quarterPng(column: number, row: number): Buffer {
    const colour = (x: number, y: number) =>
      Math.floor(x / 20) === column && Math.floor(y / 20) === row ? [255, 0, 0] : [90, 90, 90];
    const pixels = Array.from({ length: 1600 }, (_, place) => colour(place % 40, Math.floor(place / 40)));
    return rgbPng(40, 40, Buffer.from(pixels.flat()));
  }

  it.each(["occlusion", "rise"] as const)("find the quarter that is red by %s", async (method) => {
    for (const [column, row] of [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ] as const) {
      const why = { ...WHY, class: "red", method };
      const { explanation } = await classifier.explain(await target([]), quarterPng(column, row), OPTIONS, why);
      const cells = explanation.grid.flatMap((values, y) => values.map((value, x) => ({ x, y, value })));
      const { x = -1, y = -1 } = cells.toSorted((one, other) => other.value - one.value)[0] ?? {};
      expect([Math.floor(x / 4), Math.floor(y / 4)]).toEqual([column, row]);
    }
  });

  it("are small, so that others wait for none of them", async () => {
    const seen: number[] = [];
    const { explanation } = await classifier.explain(await target(seen), solidPng(9, 9, [255, 0, 0]), OPTIONS, WHY);
    expect(seen[0]).toBe(1);
    expect(Math.max(...seen)).toBe(2);
    expect(seen.reduce((sum, count) => sum + count, 0)).toBe(explanation.runs);
  });

  it("hold one photo each where the engine takes no more", async () => {
    const seen: number[] = [];
    await classifier.explain(await target(seen, { imagesMax: 1 }), solidPng(9, 9, [255, 0, 0]), OPTIONS, WHY);
    expect(new Set(seen)).toEqual(new Set([1]));
  });

  it("end when the client leaves", async () => {
    const seen: number[] = [];
    const leaving = new AbortController();
    const gone = new AppError("engine_timeout", "The client went away.");
    const known = await target(seen, { party: party("somebody", leaving.signal) });
    const left = {
      ...known,
      exchange: (frame: Uint8Array) => {
        if (seen.length === 4) leaving.abort(gone);
        return known.exchange(frame);
      },
    };
    await expect(classifier.explain(left, solidPng(9, 9, [255, 0, 0]), OPTIONS, WHY)).rejects.toBe(gone);
    const count = seen.length;
    expect(count).toBeLessThanOrEqual(6);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen).toHaveLength(count);
  });

  it("are none for a class that the model does not have, or for more masks than the service makes", async () => {
    const seen: number[] = [];
    const ask = async (why: Partial<ExplainQuestion>) =>
      classifier.explain(await target(seen), solidPng(9, 9, [255, 0, 0]), OPTIONS, { ...WHY, ...why });
    await expect(ask({ class: "mauve" })).rejects.toMatchObject({ code: "field_invalid" });
    await expect(ask({ method: "rise", masks: 101 })).rejects.toMatchObject({ code: "field_invalid" });
    expect(seen).toEqual([1, 1]);
  });
});
