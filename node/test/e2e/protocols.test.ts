/** One photo by every way into the service that is no tensor, on the real engine: the same class, probability and hash. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import type { Answer } from "../../src/generated/contract.js";
import { type RunningServer, startServer } from "../support/server.js";

const MODEL = "flowers5";
const SAMPLES = join(ROOT_DIR, "models/samples");
const PHOTO = "daisy-2.jpg";

let server: RunningServer;
let photo: Uint8Array<ArrayBuffer>;
let expected: Answer;

beforeAll(async () => {
  server = await startServer({ MODELS_DIR: join(ROOT_DIR, "models"), IMAGES_DIR: SAMPLES });
  photo = new Uint8Array(await readFile(join(SAMPLES, PHOTO)));
  expected = await infer("", photo);
}, 60_000);
afterAll(async () => {
  await server.stop();
});

async function post<T>(path: string, body: Uint8Array<ArrayBuffer> | string): Promise<T> {
  const type = body.length > 0 ? { "content-type": "application/octet-stream" } : {};
  const init = { method: "POST", body, headers: { accept: "application/json", ...type } };
  const response = await fetch(`${server.url}${path}`, init);
  const answer = (await response.json()) as T & { error?: string };
  expect(answer.error).toBeUndefined();
  return answer;
}

async function infer(query: string, body: Uint8Array<ArrayBuffer> | string = ""): Promise<Answer> {
  const answer = await post<{ results: [Answer] }>(`/infer?model=${MODEL}${query}`, body);
  return answer.results[0];
}

const saidOf = ({ label, index, probability, input }: Answer) => ({ label, index, probability, sha256: input.sha256 });

describe("one photo has the class, the probability and the hash of POST /infer", () => {
  it("kept, whole and in part, decoded no more than once", async () => {
    const { id } = await post<{ id: string }>("/api/images", photo);
    for (const part of ["", "&crop=10,10,100,100", "&point=100,70,60"]) {
      const kept = await infer(`&image_id=${id}${part}`);
      const { timings_ms } = await infer(`&image_id=${id}${part}`);
      expect(saidOf(kept)).toEqual(saidOf(await infer(part, photo)));
      expect(timings_ms.decode).toBe(0);
    }
  });

  it("on the server, by its path", async () => {
    expect(saidOf(await infer(`&image_path=${PHOTO}`))).toEqual(saidOf(expected));
  });

  it("by TensorFlow Serving's REST API", async () => {
    const encoded = { b64: Buffer.from(photo).toString("base64") };
    const { results } = await post<{ results: [[[string, number]]] }>(
      `/v1/models/${MODEL}:classify`,
      JSON.stringify({ examples: [{ image: encoded }] }),
    );
    expect(results[0][0]).toEqual([expected.label, expected.probability]);
    const { predictions } = await post<{ predictions: [number[]] }>(
      `/v1/models/${MODEL}:predict`,
      JSON.stringify({ instances: [encoded] }),
    );
    expect(predictions[0].indexOf(Math.max(...predictions[0]))).toBe(expected.index);
  });

  it("by Hugging Face's", async () => {
    const encoded = JSON.stringify({ inputs: Buffer.from(photo).toString("base64"), parameters: { top_k: 2 } });
    for (const body of [photo, encoded]) {
      const [best] = await post<[{ label: string; score: number }]>(`/hf/models/${MODEL}`, body);
      expect(best).toEqual({ label: expected.label, score: expected.probability });
    }
  });
});
