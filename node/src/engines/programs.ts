/** Programs of the operator's that serve a model: how the engine executable starts one in its cell, and what that holds. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { messageOf } from "../errors.js";
import type { Sandbox } from "../generated/contract.js";
import type { ModelProgram } from "../ports.js";
import type { EngineCommand } from "./child.js";

/** Closing a cell takes milliseconds; a machine that is full takes its time. */
const CELL_MS_MAX = 20_000;

/** How a program is started. */
export function commandOf(engine: EngineCommand, program: ModelProgram, readPaths: readonly string[]): EngineCommand {
  const { path, folder, isOneShot } = program;
  const args = [...cellArgs([...readPaths, folder], isOneShot), "--", path, ...program.arguments];
  return { ...engine, args, folder };
}

/** What holds of such a program's cell, as a process says that closes the same one. */
export async function whatHolds(engine: EngineCommand, isOneShot: boolean, readPaths: readonly string[]) {
  try {
    const options = { env: engine.environment, cwd: "/", timeout: CELL_MS_MAX };
    const { stdout } = await promisify(execFile)(engine.path, cellArgs(readPaths, isOneShot), options);
    return JSON.parse(stdout) as Sandbox;
  } catch (error) {
    return { held: [], missing: [`all: the engine does not say what holds: ${messageOf(error)}`] };
  }
}

function cellArgs(readPaths: readonly string[], isOneShot: boolean): string[] {
  return ["wrap", ...readPaths.flatMap((path) => ["--read", path]), ...(isOneShot ? ["--once"] : [])];
}
