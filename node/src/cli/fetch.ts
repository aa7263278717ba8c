import type { Command } from "commander";
import { readConfig } from "../config.js";
import { fetchListedModel } from "../service.js";

export function addFetch(program: Command): void {
  program
    .command("fetch")
    .description("fetches listed models, such as mobilenet-v1-0.25-224, into MODELS_DIR")
    .argument("<id...>", "ids of models")
    .action(async (ids: string[]) => {
      const config = readConfig();
      for (const id of ids) {
        for (const { path, sha256, verified } of await fetchListedModel(config, id)) {
          const how = verified ? "verified" : "not verified: the manifest knows no SHA-256";
          process.stdout.write(`${path}: SHA-256 ${sha256} (${how})\n`);
        }
      }
    });
}
