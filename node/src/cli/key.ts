import type { Command } from "commander";
import { createKey } from "../service.js";

interface KeyOptions {
  readonly role: string;
  readonly name?: string;
}

export function addKey(program: Command): void {
  program
    .command("key")
    .description("makes an API key and shows it on stderr, this once; on stdout is its line for API_KEYS_FILE")
    .option("--role <role>", "what its holder may do: infer, models or admin", "infer")
    .option("--name <name>", "whom it is for")
    .action(({ role, name }: KeyOptions) => {
      const { key, line } = createKey(role, name);
      // The line goes where the file is, and the key where it is not.
      process.stderr.write(`The key, shown this once: ${key}\n`);
      process.stdout.write(`${line}\n`);
    });
}
