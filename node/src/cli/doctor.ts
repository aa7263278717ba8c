import type { Command } from "commander";
import { examine } from "../doctor/examine.js";
import type { Finding } from "../doctor/finding.js";
import { printable } from "../printable.js";

export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description("looks at everything that the service stands on; exits with 1 where something is red")
    .option("--json", "one JSON object a finding")
    .action(async ({ json }: { json?: boolean }) => {
      for await (const finding of examine()) {
        process.stdout.write(json ? `${JSON.stringify(finding)}\n` : inWords(finding));
        if (finding.state === "red") process.exitCode = 1;
      }
    });
}

function inWords({ check, state, found, mend }: Finding): string {
  const lines = [
    `${state.padEnd(5)}  ${check.padEnd(9)}  ${found}`,
    ...(mend === null ? [] : [`${" ".repeat(18)}-> ${mend}`]),
  ];
  return `${lines.map(printable).join("\n")}\n`;
}
