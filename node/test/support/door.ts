/** A door before the engine of a running service, so that a test knows when a request is with the engine. */
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { ENGINE_FILE } from "./paths.js";

const FIXTURE = fileURLToPath(new URL("../fixtures/door.mjs", import.meta.url));

export interface Door {
  /** The engine with the door before it, for ENGINE_PATH. */
  readonly enginePath: string;
  shut(): Promise<void>;
  open(): Promise<void>;
  /** Resolves once a request waits at the door that is shut. */
  reached(): Promise<void>;
  remove(): Promise<void>;
}

export async function makeDoor(): Promise<Door> {
  const dir = await mkdtemp(join(tmpdir(), "menagerie-door-"));
  const [enginePath, shut, waiting] = [join(dir, "engine"), join(dir, "shut"), join(dir, "waiting")];
  const words = [process.execPath, FIXTURE, dir, ENGINE_FILE].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  await writeFile(enginePath, `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`);
  await chmod(enginePath, 0o755);
  return {
    enginePath,
    async shut() {
      await rm(waiting, { force: true });
      await writeFile(shut, "");
    },
    open: () => rm(shut, { force: true }),
    reached: () => expect.poll(() => existsSync(waiting)).toBe(true),
    remove: () => rm(dir, { recursive: true }),
  };
}
