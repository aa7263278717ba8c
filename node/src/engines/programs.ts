/** Programs of the operator's that serve a model: how the engine executable starts one in its cell, and what that holds. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { messageOf } from "../errors.js";
import type { Hello, Sandbox } from "../generated/contract.js";
import type { ModelProgram, ProgramStatus } from "../ports.js";
import type { ProcessCommand } from "../start-child.js";

/** Closing a cell takes milliseconds; a machine that is full takes its time. */
const CELL_MS_MAX = 20_000;

/** The process of a program. */
interface ProgramProcess {
  readonly alive: boolean;
  readonly hello: Promise<Hello>;
  readonly ended: Promise<void>;
}

export class Programs {
  readonly #engine: ProcessCommand;
  readonly #readPaths: readonly string[];
  readonly #loaded = new Map<ProgramProcess, ProgramStatus>();
  /** What holds of a cell, by whether it is of the one-shot form. */
  readonly #cells = new Map<boolean, Promise<Sandbox>>();

  /** Programs may read and execute `readPaths` beside their own folder. */
  constructor(engine: ProcessCommand, readPaths: readonly string[]) {
    this.#engine = engine;
    this.#readPaths = readPaths;
  }

  /** How a program is started. */
  commandOf({ path, folder, isOneShot, arguments: words }: ModelProgram): ProcessCommand {
    const args = [...cellArgs([...this.#readPaths, folder], isOneShot), "--", path, ...words];
    return { ...this.#engine, args, folder };
  }

  /** Notes a program that is loaded, until it ends. */
  async note(process: ProgramProcess, { model, isOneShot }: ModelProgram): Promise<void> {
    const { engine } = await process.hello;
    const sandbox = await this.#cellOf(isOneShot);
    if (!process.alive) return;
    this.#loaded.set(process, { model, engine, sandbox });
    process.ended.then(() => this.#loaded.delete(process));
  }

  list(): ProgramStatus[] {
    return [...this.#loaded.values()];
  }

  #cellOf(isOneShot: boolean): Promise<Sandbox> {
    const known = this.#cells.get(isOneShot) ?? this.#askWhatHolds(isOneShot);
    this.#cells.set(isOneShot, known);
    return known;
  }

  /** As a process says that closes the same cell. */
  async #askWhatHolds(isOneShot: boolean): Promise<Sandbox> {
    try {
      const options = { env: this.#engine.environment, cwd: "/", timeout: CELL_MS_MAX };
      const { stdout } = await promisify(execFile)(this.#engine.path, cellArgs(this.#readPaths, isOneShot), options);
      return JSON.parse(stdout) as Sandbox;
    } catch (error) {
      return { held: [], missing: [`all: the engine does not say what holds: ${messageOf(error)}`] };
    }
  }
}

function cellArgs(readPaths: readonly string[], isOneShot: boolean): string[] {
  return ["wrap", ...readPaths.flatMap((path) => ["--read", path]), ...(isOneShot ? ["--once"] : [])];
}
