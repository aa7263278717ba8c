/** Stands for the process of a run: what it is told to do is in the name of the job's data. */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hearService, sayToService as say } from "../../dist/teach/service-line.js";

const hold = () => new Promise((resolve) => setTimeout(resolve, 2 ** 31 - 1));
let unwanted = () => {};
hearService(
  60_000,
  ({ order, settings }) => void run(order, settings),
  () => unwanted(),
);

async function run({ dir, statement, data, photos }, { diary, store }) {
  const labels = [...new Set(photos.map(({ label }) => label))].sort();
  appendFileSync(diary, `${data} ${photos.length}${store === undefined ? "" : ` and ${store}`}\n`);
  await say({ kind: "progress", stage: "features", share: 0.5 });
  await say({ kind: "remark", sentence: `${photos.length} photos` });
  if (data.startsWith("hold")) {
    unwanted = () => process.exit();
    await hold();
  }
  if (data === "stubborn") await hold();
  if (data === "crash") process.kill(process.pid, "SIGKILL");
  if (data === "refuse") {
    await say({ kind: "failed", code: "field_invalid", detail: "Too few photos.", stack: null });
    return;
  }
  const model = join(dir, "models", statement.id);
  mkdirSync(model, { recursive: true });
  writeFileSync(join(model, "graph.pb"), "graph of the zoo");
  writeFileSync(join(model, "labels.txt"), labels.map((label) => `${label}\n`).join(""));
  const { id, title, description } = statement;
  const manifest = {
    ...{ schema: 1, id, version: "1", title: title ?? id, description: description ?? "", licence: "MIT" },
    graph: { file: "graph.pb" },
    labels: { file: "labels.txt" },
    ...{ input: {}, output: {} },
  };
  writeFileSync(join(model, "manifest.json"), JSON.stringify(manifest));
  writeFileSync(join(dir, "model.zip"), data === "large" ? "archive".repeat(400) : "archive");
  const report = { trained: 8, held_out: 2, right: 2, l2: 1, folds: 3, curve: [], wrong: [] };
  const lesson = { labels, bytes: 7, report, calibration: {}, features: {}, wrong: [], findings: [], untold: [] };
  writeFileSync(join(dir, "lesson.json"), JSON.stringify(lesson));
  if (data === "late") process.kill(process.pid, "SIGKILL");
  await say({ kind: "done" });
}
