/**
 * Whether TensorFlow answers as the service does with models that `menagerie teach` made: `node bench/taught.mjs PYTHON ID…`. PYTHON
 * has TensorFlow and Pillow, each ID is a model of MODELS_DIR; asked about are its sample photos. Prints the largest difference of
 * a probability.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readConfig } from "../node/dist/config.js";
import { createClassifier } from "../node/dist/index.js";

const PYTHON_FILE = fileURLToPath(new URL("python/taught.py", import.meta.url));
const TOP_MAX = 100;

const [python = "", ...ids] = process.argv.slice(2);
const { modelsDir } = readConfig();
const work = mkdtempSync(join(tmpdir(), "menagerie-taught-"));
try {
  for (const id of ids) {
    const folder = join(modelsDir, id);
    const { cases } = JSON.parse(readFileSync(join(folder, "golden.json"), "utf8"));
    const classifier = await createClassifier({ model: id });
    const asked = [];
    try {
      for (const [place, { image }] of cases.entries()) {
        const photo = readFileSync(join(folder, image));
        const { input, top } = await classifier.classify(photo, { topK: TOP_MAX, picture: true });
        const picture = join(work, `${place}.png`);
        writeFileSync(picture, Buffer.from(input.picture?.split(",")[1] ?? "", "base64"));
        const byClass = top.toSorted((one, other) => one.index - other.index);
        asked.push({ picture, probabilities: byClass.map(({ probability }) => probability) });
      }
    } finally {
      await classifier.close();
    }
    writeFileSync(join(work, "asked.json"), JSON.stringify(asked));
    const said = execFileSync(python, [PYTHON_FILE, folder, join(work, "asked.json")], { encoding: "utf8" });
    console.log(id, said.trim().split("\n").at(-1));
  }
} finally {
  rmSync(work, { recursive: true });
}
