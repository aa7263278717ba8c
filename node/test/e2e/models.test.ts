/** The models of this project: each still says what it said when it was made. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import type { Answer } from "../../src/generated/contract.js";
import { form } from "../support/fake-service.js";
import { type RunningServer, startServer } from "../support/server.js";

interface Golden {
  /** Largest difference of a probability: decoders and resizes differ a little. */
  readonly tolerance: number;
  readonly cases: readonly { readonly image: string; readonly top: Answer["top"] }[];
}

const MODELS_DIR = join(ROOT_DIR, "models");
const CASES = readdirSync(MODELS_DIR)
  .filter((id) => existsSync(join(MODELS_DIR, id, "golden.json")))
  .flatMap((id) => {
    const { tolerance, cases } = JSON.parse(readFileSync(join(MODELS_DIR, id, "golden.json"), "utf8")) as Golden;
    return cases.map(({ image, top }) => ({ id, image, path: join(MODELS_DIR, id, image), top, tolerance }));
  });

describe("the models of this project", () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer({});
  });
  afterAll(async () => {
    await server.stop();
  });

  async function classify(
    path: string,
    fields: Record<string, string | Uint8Array>,
  ): Promise<Answer & { model: { id: string } }> {
    const body = form({ image_file: readFileSync(path), ...fields });
    const response = await fetch(`${server.url}/infer?format=json`, { method: "POST", body });
    const { results } = (await response.json()) as { results: (Answer & { model: { id: string } })[] };
    const [answer] = results;
    if (answer === undefined) throw new Error("no answer");
    return answer;
  }

  it("are flowers5, which answers when none is named, and waste6", async () => {
    const { models } = (await (await fetch(`${server.url}/api/models`)).json()) as {
      models: { id: string; state: string; default: boolean }[];
    };
    const available = models.filter(({ state }) => state === "available");
    expect(available.map(({ id, default: isDefault }) => [id, isDefault])).toEqual([
      ["flowers5", true],
      ["waste6", false],
    ]);
    const answer = await classify(join(MODELS_DIR, "samples/sunflowers-1.jpg"), {});
    expect(answer).toMatchObject({ label: "sunflowers", model: { id: "flowers5" } });
  });

  it("have golden answers", () => {
    expect(new Set(CASES.map(({ id }) => id))).toEqual(new Set(["flowers5", "waste6"]));
  });

  it.each(CASES)("$id says of $image what it said", async ({ id, path, top, tolerance }) => {
    const answer = await classify(path, { model: id, top_k: "100" });
    expect(answer.index).toBe(top[0]?.index);
    expect(answer.label).toBe(top[0]?.label);
    for (const { index, probability } of top) {
      const found = answer.top.find((entry) => entry.index === index)?.probability ?? Number.NaN;
      expect(Math.abs(found - probability), `class ${index}`).toBeLessThan(tolerance);
    }
  });

  it.each(CASES)("the graph and labels of $id alone say of $image what the model says", async ({ id, path, top }) => {
    const [model_file, label_file] = ["graph.pb", "labels.txt"].map((file) => readFileSync(join(MODELS_DIR, id, file)));
    if (model_file === undefined || label_file === undefined) throw new Error("no files");
    const answer = await classify(path, { model_file, label_file });
    expect(answer.label).toBe(top[0]?.label);
  });
});
