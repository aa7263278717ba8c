import type { Command } from "commander";
import { readConfig } from "../config.js";
import { printable } from "../printable.js";
import { type Listed, listZoo } from "../zoo/listing.js";
import { openRemote } from "./remote.js";

export function addList(program: Command): void {
  program
    .command("list")
    .description("lists the models of MODELS_DIR, or of a running service")
    .option("--at <url>", "address of a running service")
    .option("--json", "one JSON object a model")
    .action(async ({ at, json }: { at?: string; json?: boolean }) => {
      const models = at === undefined ? await listZoo(readConfig().modelsDir) : await listRemote(at);
      if (json) for (const model of models) process.stdout.write(`${JSON.stringify(model)}\n`);
      else process.stdout.write(table(models));
    });
}

async function listRemote(url: string): Promise<readonly Listed[]> {
  return ((await openRemote(url).call("GET", "api/models")) as { models: readonly Listed[] }).models;
}

/** Columns of the same width. */
function table(models: readonly Listed[]): string {
  const rows = [
    ["MODEL", "VERSIONS", "STATE", "TITLE"],
    ...models.map(({ id, versions, state, title, default: isDefault, problem }) => [
      `${id}${isDefault ? " *" : ""}`,
      versions.join(", "),
      state,
      problem === null ? title : `${title}: ${problem}`,
    ]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  return `${lines.map((line) => printable(line).trimEnd()).join("\n")}\n`;
}
