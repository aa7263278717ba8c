/** The program that a manifest of the zoo may name in place of a graph. */
import { access, constants } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { Manifest } from "../generated/contract.js";
import type { ModelProgram } from "../ports.js";

/** The program of the model in `folder`; null where it is a graph. */
export function programOf({ id, engine }: Manifest, folder: string): ModelProgram | null {
  if (engine === undefined) return null;
  const { program, arguments: words = [], protocol } = engine;
  const dir = resolve(folder);
  return { model: id, path: join(dir, program), arguments: words, folder: dir, isOneShot: protocol === "once" };
}

/** @throws Error that says what to do. */
export async function checkProgram(program: ModelProgram | null): Promise<void> {
  if (program === null) return;
  await access(program.path, constants.X_OK).catch(() => {
    throw new Error(`the program ${basename(program.path)} is not there, or is not executable (chmod +x makes it so)`);
  });
}
