import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { readConfig } from "../config.js";
import { openModel } from "../zoo/answers.js";
import { findModel } from "../zoo/find-models.js";
import { KEY_VARIABLE, openRemote } from "./remote.js";

export function addPush(program: Command): void {
  program
    .command("push")
    .description(`registers a model of MODELS_DIR with a running service; its key is read from ${KEY_VARIABLE}`)
    .argument("<id>", "id or id@version")
    .requiredOption("--to <url>", "address of the service, such as http://localhost:8080")
    .option("--json", "what the service answers")
    .action(async (id: string, { to, json }: { to: string; json?: boolean }) => {
      const { modelsDir } = readConfig();
      const remote = openRemote(to);
      const folder = join(modelsDir, (await findModel(modelsDir, id)).entry);
      const model = await openModel(folder);
      const [graph, labels] = await Promise.all([model.readGraph(), model.readLabels()]);
      const form = new FormData();
      form.set("manifest", await readFile(join(folder, "manifest.json"), "utf8"));
      form.set("model_file", new Blob([new Uint8Array(graph)]), model.manifest.graph.file);
      if (labels !== null) form.set("label_file", new Blob([new Uint8Array(labels)]), model.manifest.labels?.file);
      const registered = (await remote.call("POST", "api/models", form)) as { id: string; version: string };
      process.stdout.write(
        json ? `${JSON.stringify(registered)}\n` : `${registered.id}@${registered.version} is registered with ${to}\n`,
      );
    });
}
