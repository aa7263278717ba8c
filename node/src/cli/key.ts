import type { Command } from "commander";
import { readConfig } from "../config.js";
import { AppError } from "../errors.js";
import { addSharedKey, createKey, removeSharedKey } from "../service/keys.js";

interface KeyOptions {
  readonly role: string;
  readonly name?: string;
  readonly shared?: boolean;
  readonly remove?: string;
}

export function addKey(program: Command): void {
  program
    .command("key")
    .description("makes an API key and shows it on stderr, this once; on stdout is its line for API_KEYS_FILE")
    .option("--role <role>", "what its holder may do: infer, models or admin", "infer")
    .option("--name <name>", "whom it is for")
    .option("--shared", "puts the line into DATABASE_URL, for all replicas with SHARED_KEYS=1")
    .option("--remove <name>", "removes the key of that name from there in place of making one")
    .action(async ({ role, name, shared, remove }: KeyOptions) => {
      if (remove !== undefined) {
        if (!(await removeSharedKey(database(), remove)))
          throw new AppError("field_invalid", `There is no key of the name ${remove} in DATABASE_URL.`);
        process.stdout.write(`removed: ${remove}\n`);
        return;
      }
      const made = createKey(role, name);
      const { key, line } = made;
      if (shared) await addSharedKey(database(), made);
      // The line goes where the file is, and the key where it is not.
      process.stderr.write(`The key, shown this once: ${key}\n`);
      process.stdout.write(`${shared ? "added: " : ""}${line}\n`);
    });
}

function database(): string {
  const { databaseUrl } = readConfig();
  if (databaseUrl !== undefined) return databaseUrl;
  throw new AppError("field_invalid", "Shared keys are kept in PostgreSQL: set DATABASE_URL.");
}
