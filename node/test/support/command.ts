/** The command `menagerie`, run as a user types it. */
import { type ExecFileException, execFile } from "node:child_process";
import { CLI_FILE } from "./paths.js";

export interface Run {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export interface RunOptions {
  readonly cwd: string;
  /** Added to this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly file?: string;
}

/** Nobody can be asked: neither stdin nor stderr is a terminal. */
export function runCommand(args: readonly string[], { cwd, env, file = CLI_FILE }: RunOptions): Promise<Run> {
  const options = { cwd, env: { ...process.env, ...env } };
  return new Promise((resolve) => {
    execFile(process.execPath, [file, ...args], options, (error: ExecFileException | null, stdout, stderr) => {
      resolve({ stdout, stderr, exitCode: typeof error?.code === "number" ? error.code : 0 });
    });
  });
}
