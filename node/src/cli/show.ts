import { join } from "node:path";
import type { Command } from "commander";
import { readConfig } from "../config.js";
import { printable } from "../printable.js";
import { openModel } from "../zoo/answers.js";
import { findModel } from "../zoo/find-models.js";
import { openRemote } from "./remote.js";

export function addShow(program: Command): void {
  program
    .command("show")
    .description("shows what a model of MODELS_DIR says of itself, or how a running service feeds and reads one")
    .argument("<id>", "id or id@version")
    .option("--at <url>", "address of a running service")
    .option("--json", "as JSON")
    .action(async (id: string, { at, json }: { at?: string; json?: boolean }) => {
      const facts = at === undefined ? await showLocal(id) : await showRemote(at, id);
      process.stdout.write(json ? `${JSON.stringify(facts)}\n` : inWords(facts));
    });
}

async function showLocal(id: string): Promise<object> {
  const { modelsDir } = readConfig();
  const folder = join(modelsDir, (await findModel(modelsDir, id)).entry);
  const model = await openModel(folder);
  await model.verify();
  return { folder, state: model.damage ?? "whole", ...model.manifest, samples: model.samples };
}

async function showRemote(url: string, id: string): Promise<object> {
  return (await openRemote(url).call("GET", `api/models/${encodeURIComponent(id)}`)) as object;
}

/** One line a field; of lists of objects, such as evidence, one line an object. */
function inWords(facts: object): string {
  const lines = Object.entries(facts).flatMap(([name, value]) => linesOf(name, value));
  return `${lines.map(printable).join("\n")}\n`;
}

function linesOf(name: string, value: unknown): string[] {
  if (Array.isArray(value) && value.some((item) => typeof item === "object"))
    return value.flatMap((item) => linesOf(name, JSON.stringify(item)));
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([inner, field]) => linesOf(`${name}.${inner}`, field));
  }
  return [`${name.padEnd(24)} ${typeof value === "string" ? value : JSON.stringify(value)}`];
}
