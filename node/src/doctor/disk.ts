/** The folders that the service writes to, and the page that it serves. */
import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Config } from "../config.js";
import { SET_UP } from "../places.js";
import { amber, type Finding, green, red } from "./finding.js";

const MIB = 1024 * 1024;
/** A large graph with its entry. */
const FREE_BYTES_MIN = 512 * MIB;

type FreeBytes = (dir: string) => Promise<number>;

/** The folder of registered models: it is made when the first one comes. */
export async function checkDisk(
  { registeredModelsDir, registeredBytesMax }: Pick<Config, "registeredModelsDir" | "registeredBytesMax">,
  freeBytes: FreeBytes = freeBytesOf,
): Promise<Finding> {
  const dir = registeredModelsDir;
  const hindrance = await hindranceOf(dir, "REGISTERED_MODELS_DIR");
  if (hindrance !== null) return red("disk", hindrance.found, hindrance.mend);
  const there = await firstThere(dir);
  const free = await freeBytes(there);
  const found = `${mebibytes(free)} free for registered models in ${dir}`;
  if (free < FREE_BYTES_MIN) return red("disk", `only ${found}`, "REGISTERED_MODELS_DIR=/folder/with/room npm start");
  if (free < registeredBytesMax) {
    const most = mebibytes(registeredBytesMax);
    return amber(
      "disk",
      `${found}, of which they may take ${most}`,
      `REGISTERED_BYTES_MAX=${Math.floor(free / 2)} npm start`,
    );
  }
  return green("disk", found);
}

/** What keeps this user from writing into the folder of a variable, or from making it, with what mends that. */
export async function hindranceOf(
  dir: string,
  variable: string,
  mayWrite: (dir: string) => Promise<boolean> = mayWriteTo,
): Promise<{ readonly found: string; readonly mend: string } | null> {
  const there = await firstThere(dir);
  const isFolder = (await stat(there)).isDirectory();
  if (!isFolder) {
    return {
      found: `${variable}=${dir} cannot be made: ${there} is no folder`,
      mend: `env --unset=${variable} npm start`,
    };
  }
  if (await mayWrite(there)) return null;
  const found = `this user may not write to ${there}`;
  // What lies above the folder may be others', and all of the system's.
  if (there !== dir) return { found, mend: `sudo install -d -o "$(id -u)" ${dir}` };
  return { found, mend: `sudo chown -R "$(id -u)" ${dir}` };
}

export async function checkPage({ webDir }: Pick<Config, "webDir">): Promise<Finding> {
  const isThere = await access(join(webDir, "index.html")).then(
    () => true,
    () => false,
  );
  return isThere ? green("page", `is in ${webDir}`) : red("page", `${webDir} holds no built page`, SET_UP);
}

/** The folder itself, or the nearest above it that is there. */
async function firstThere(dir: string): Promise<string> {
  for (let path = dir; ; path = dirname(path)) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere || path === dirname(path)) return path;
  }
}

async function mayWriteTo(dir: string): Promise<boolean> {
  return await access(dir, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function freeBytesOf(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
