import { resolve } from "node:path";
import type { Command } from "commander";
import { checkFile } from "./files.js";
import { runEngine } from "./run-engine.js";

export function addInspect(program: Command): void {
  program
    .command("inspect")
    .description("explains a graph: its input, its output, how images become its tensor")
    .argument("<graph>", "frozen graph (.pb), or a SavedModel folder packed as .zip or .tar.gz")
    .argument("[labels]", "label file")
    .option("--json", "the whole spec, as GET /api/models/{id} answers it", false)
    .action(async (graph: string, labels: string | undefined, { json }: { json: boolean }) => {
      const files = labels === undefined ? [graph] : [graph, labels];
      for (const file of files) await checkFile(file);
      // Pure reading: it needs no libtensorflow and no variable.
      process.exitCode = await runEngine([
        "inspect",
        ...files.map((file) => resolve(file)),
        ...(json ? ["--json"] : []),
      ]);
    });
}
