import type { Command } from "commander";

export function addServe(program: Command): void {
  program
    .command("serve")
    .description("starts the service; settings come from the environment (PORT, HOST, MODELS_DIR, …)")
    .action(async () => {
      await import("../server.js");
    });
}
