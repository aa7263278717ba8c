import { join } from "node:path";
import type { Command } from "commander";
import { readConfig } from "../config.js";
import { type Pulled, pullModel } from "../zoo/pull.js";
import { Progress } from "./progress.js";

interface PullOptions {
  readonly trustOnFirstUse?: boolean;
  readonly json?: boolean;
}

export function addPull(program: Command): void {
  program
    .command("pull")
    .alias("fetch")
    .description("fetches listed models, such as mobilenet-v1-0.25-224, into MODELS_DIR; goes on where it broke off")
    .argument("<id...>", "ids of models; `menagerie list` shows them")
    .option("--trust-on-first-use", "takes a file whose SHA-256 is not known as it comes, and records its SHA-256")
    .option("--json", "one JSON object a model")
    .action(async (ids: string[], { trustOnFirstUse = false, json }: PullOptions) => {
      const { modelsDir, graphBytesMax, labelsBytesMax } = readConfig();
      for (const id of ids) {
        const progress = new Progress(1, process.stderr);
        const report = (bytes: number, bytesTotal: number | null) => progress.bytes(id, bytes, bytesTotal);
        const pulled = await pullModel(modelsDir, id, {
          graphBytesMax,
          labelsBytesMax,
          trustOnFirstUse,
          report,
        }).finally(() => progress.clear());
        process.stdout.write(json ? `${JSON.stringify(pulled)}\n` : inWords(pulled));
      }
    });
}

function inWords({ folder, files, recorded }: Pulled): string {
  const lines = files.map(({ file, sha256, verified }) => {
    const how = verified ? "verified" : "taken as it came";
    return `${join(folder, file)}: SHA-256 ${sha256} (${how})`;
  });
  if (recorded !== null) lines.push(`${recorded}: holds these SHA-256 from now on`);
  return `${lines.join("\n")}\n`;
}
