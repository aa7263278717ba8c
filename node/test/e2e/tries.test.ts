/** Graphs that people really send, through the real service: each row of the tries that concerns graphs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import type { Answer } from "../../src/generated/contract.js";
import { form } from "../support/fake-service.js";
import { sharedFolder } from "../support/paths.js";
import { serveColours } from "../support/server.js";

const tries = sharedFolder("tries");

const server = serveColours();

/** An answer as `POST /infer` gives it. */
type Result = Answer & { readonly warnings?: readonly string[] };

/** What the graph `file` answers the sample photo `photo`. */
async function answer(
  file: string,
  photo: string,
  fields: Readonly<Record<string, string | Buffer>> = {},
): Promise<Result> {
  const graph = readFileSync(join(tries ?? "", file));
  const image = readFileSync(join(ROOT_DIR, "models/samples", photo));
  const body = form({ image_file: image, model_file: graph, ...fields });
  const response = await fetch(`${server().url}/infer?format=json`, { method: "POST", body });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  const [result] = (JSON.parse(text) as { results: Result[] }).results;
  if (!result) throw new Error(text);
  return result;
}

const labels = (folder: string) => ({ label_file: readFileSync(join(tries ?? "", folder, "labels.txt")) });

describe.skipIf(tries === null)("graphs that people send", () => {
  it.each([
    ["roses-1.jpg", "roses"],
    ["roses-2.jpg", "roses"],
    ["sunflowers-1.jpg", "sunflowers"],
    ["sunflowers-2.jpg", "sunflowers"],
  ])("one logit tells %s by its sign", async (photo, label) => {
    const { label: found, probability, top } = await answer("single-logit/graph.pb", photo, labels("single-logit"));
    expect(found).toBe(label);
    expect(top.map((entry) => entry.label).toSorted()).toEqual(["roses", "sunflowers"]);
    expect(top.reduce((sum, entry) => sum + entry.probability, 0)).toBeCloseTo(1, 5);
    expect(probability).toBeLessThan(1);
  });

  it("one logit without labels is warned of", async () => {
    const { warnings = [], probability } = await answer("single-logit/graph.pb", "roses-1.jpg");
    expect(warnings.join(" ")).toMatch(/logit/);
    expect(probability).toBeLessThan(1);
  });

  it("batch normalisation behind a training switch answers", async () => {
    const { top } = await answer("keras-bn-switch/graph.pb", "roses-1.jpg", labels("keras-bn-switch"));
    expect(top.length).toBe(5);
  });

  it("an input that is named in the middle is answered as the whole graph is", async () => {
    const folder = "decodejpeg-const";
    const cut = { input_tensor: "Mul", normalization: "-1..1", size: "128", ...labels(folder) };
    const whole = await answer(`${folder}/const.pb`, "tulips-1.jpg", labels(folder));
    for (const file of ["const.pb", "placeholder-sub-mul.pb"]) {
      const found = await answer(`${folder}/${file}`, "tulips-1.jpg", cut);
      expect(found.label).toBe(whole.label);
      expect(found.probability).toBeCloseTo(whole.probability, 1);
    }
  });

  it("a graph of functions answers as the same SavedModel does, packed with backslashes", async () => {
    const [frozen, saved] = await Promise.all([
      answer("tf2-frozen-by-tf1/graph.pb", "daisy-1.jpg"),
      answer("savedmodel-zip/windows-powershell.zip", "daisy-1.jpg"),
    ]);
    expect(frozen.index).toBe(saved.index);
    expect(frozen.probability).toBeCloseTo(saved.probability, 4);
  });
});
