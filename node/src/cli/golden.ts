import { copyFile, mkdir } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { readConfig } from "../config.js";
import { counted } from "../counted.js";
import type { Answer } from "../generated/contract.js";
import { printable } from "../printable.js";
import { openWorkbench } from "../service/workbench.js";
import { openModel, writeGolden } from "../zoo/answers.js";
import { findModel } from "../zoo/find-models.js";
import { canAsk, confirm } from "./ask.js";
import { findPhotos, readInput } from "./files.js";
import { Progress } from "./progress.js";

/** Of a model's folder: where photos of golden answers go that lie outside of the zoo. */
const SAMPLES_FOLDER = "samples";
const ANSWERS_SHOWN = 3;

interface GoldenOptions {
  readonly yes?: boolean;
  readonly json?: boolean;
}

interface Shown {
  readonly path: string;
  readonly answer: Answer;
}

export function addGolden(program: Command): void {
  program
    .command("golden")
    .description(
      "shows a model's answers and, after a yes, writes them to golden.json as those that it must go on giving",
    )
    .argument("<id>", "id or id@version")
    .argument("<photo...>", "photos, or folders of them; those from elsewhere are copied into the model's folder")
    .option("--yes", "writes without asking")
    .option("--json", "one JSON object a photo")
    .action(async (id: string, paths: string[], { yes, json }: GoldenOptions) => {
      const { modelsDir } = readConfig();
      const folder = join(modelsDir, (await findModel(modelsDir, id)).entry);
      const shown = await answerAll(folder, paths);
      for (const { path, answer } of shown)
        process.stdout.write(
          json ? `${JSON.stringify({ ...answer, image: { name: path, ...answer.image } })}\n` : inWords(path, answer),
        );
      if (!yes && !(await confirm("Are these right? golden.json is written then."))) {
        process.stderr.write(`golden.json is not written${canAsk() ? "" : "; --yes writes it"}.\n`);
        process.exitCode = 1;
        return;
      }
      const kept = new Set<string>();
      const cases = [];
      for (const { path, answer } of shown) cases.push({ image: await keep(path, folder, modelsDir, kept), answer });
      await writeGolden(folder, cases);
      process.stderr.write(`${join(folder, "golden.json")} is written: ${counted(cases.length, "answer")}.\n`);
    });
}

async function answerAll(folder: string, paths: readonly string[]): Promise<Shown[]> {
  const photos = await findPhotos(paths);
  for (const { problem } of photos) if (problem !== undefined) throw problem;
  const workbench = await openWorkbench(readConfig());
  const progress = new Progress(photos.length, process.stderr);
  try {
    const model = await openModel(folder);
    const shown: Shown[] = [];
    for (const { path } of photos) {
      shown.push({ path, answer: await workbench.classify(model, await readInput(path)) });
      progress.step();
    }
    return shown;
  } finally {
    progress.clear();
    await workbench.close();
  }
}

/** The photo's path from the model's folder, once it lies in the zoo. `kept` has the names that are taken. */
async function keep(path: string, folder: string, modelsDir: string, kept: Set<string>): Promise<string> {
  const isInZoo = !relative(resolve(modelsDir), resolve(path)).startsWith("..");
  if (isInZoo) return relative(resolve(folder), resolve(path)).replaceAll("\\", "/");
  const names = [basename(path), `${basename(dirname(resolve(path)))}-${basename(path)}`];
  const name = names.find((free) => !kept.has(free)) ?? `${kept.size}-${basename(path)}`;
  kept.add(name);
  await mkdir(join(folder, SAMPLES_FOLDER), { recursive: true });
  await copyFile(path, join(folder, SAMPLES_FOLDER, name));
  return `${SAMPLES_FOLDER}/${name}`;
}

function inWords(path: string, { top }: Answer): string {
  const best = top
    .slice(0, ANSWERS_SHOWN)
    .map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`);
  return `${printable(path)}: ${printable(best.join(", "))}\n`;
}
