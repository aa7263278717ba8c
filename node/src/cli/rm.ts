import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { readConfig } from "../config.js";
import { findModels } from "../zoo/find-models.js";
import { canAsk, confirm } from "./ask.js";
import { openRemote } from "./remote.js";

interface RmOptions {
  readonly at?: string;
  readonly yes?: boolean;
}

export function addRm(program: Command): void {
  program
    .command("rm")
    .description("removes a model with its folder from MODELS_DIR, or a registered one from a running service")
    .argument("<id>", "id, which stands for every version, or id@version")
    .option("--at <url>", "address of a running service")
    .option("--yes", "without asking")
    .action(async (id: string, { at, yes }: RmOptions) => {
      const removal = at === undefined ? await localRemoval(id) : remoteRemoval(at, id);
      if (!yes && !(await confirm(`Remove ${removal.what}?`))) {
        process.stderr.write(`Nothing is removed${canAsk() ? "" : "; --yes removes it"}.\n`);
        process.exitCode = 1;
        return;
      }
      await removal.remove();
      process.stdout.write(`${removal.what} is removed\n`);
    });
}

interface Removal {
  readonly what: string;
  readonly remove: () => Promise<void>;
}

async function localRemoval(id: string): Promise<Removal> {
  const { modelsDir } = readConfig();
  const folders = (await findModels(modelsDir, [id])).map(({ entry }) => join(modelsDir, entry));
  return {
    what: folders.join(" and "),
    async remove() {
      for (const folder of folders) await rm(folder, { recursive: true });
      await removeIfEmpty(join(modelsDir, id.split("@")[0] ?? ""));
    },
  };
}

/** The folder of a model whose last version went. */
async function removeIfEmpty(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => null);
  if (names?.length === 0) await rm(folder, { recursive: true });
}

function remoteRemoval(url: string, id: string): Removal {
  return {
    what: `${id} at ${url}`,
    remove: async () => {
      await openRemote(url).call("DELETE", `api/models/${encodeURIComponent(id)}`);
    },
  };
}
