/** libtensorflow, and the cell that graphs run in: asked of the engine itself, as the service starts it. */
import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { promisify } from "node:util";
import type { Config } from "../config.js";
import { messageOf } from "../errors.js";
import { ENGINE, IS_INSTALLED, SET_UP } from "../places.js";
import { amber, type Finding, green, red } from "./finding.js";

type EngineConfig = Pick<
  Config,
  "enginePath" | "libtensorflowPath" | "tfEnableOnednnOpts" | "sandbox" | "engineStartMsMax" | "engineMemoryBytesMax"
>;

export async function checkEngine(config: EngineConfig): Promise<Finding[]> {
  const { enginePath, sandbox } = config;
  if (enginePath === ENGINE.path && ENGINE.problem !== null) return [red("library", ENGINE.problem, SET_UP)];
  if (!(await isExecutable(enginePath))) {
    return [red("library", `the engine ${enginePath} is not there, or is not executable`, SET_UP)];
  }
  const report = await askEngine(config);
  if (typeof report === "string") return [red("library", report, mendOf(config))];
  const { libtensorflow = "", kernels, start, held = "", missing } = report;
  const library = green("library", `libtensorflow ${libtensorflow}, ${kernels}, loads in ${start}`);
  if (missing === undefined) return [library, green("sandbox", `holds: ${held}`)];
  const found = `missing: ${missing}; holds: ${held}`;
  if (sandbox === "required") return [library, red("sandbox", found, "SANDBOX=best-effort npm start")];
  return [library, amber("sandbox", found, `${enginePath} check --cell`)];
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** `name  value` a line, several of one name joined; or why it says nothing. */
async function askEngine(config: EngineConfig): Promise<Partial<Record<string, string>> | string> {
  const env = {
    TF_ENABLE_ONEDNN_OPTS: config.tfEnableOnednnOpts,
    ENGINE_MEMORY_BYTES_MAX: String(config.engineMemoryBytesMax),
    ...(config.libtensorflowPath === undefined ? {} : { LIBTENSORFLOW_PATH: config.libtensorflowPath }),
  };
  try {
    const options = { env, timeout: config.engineStartMsMax };
    const { stdout } = await promisify(execFile)(config.enginePath, ["check"], options);
    const report: Partial<Record<string, string>> = {};
    for (const [, name = "", value = ""] of stdout.matchAll(/^(\w+) +(.+)$/gm)) {
      const known = report[name];
      report[name] = known === undefined ? value : `${known}; ${value}`;
    }
    return report;
  } catch (error) {
    return lastWords(error);
  }
}

/** The engine's own message: its log is JSON lines. */
function lastWords(error: unknown): string {
  const { stderr = "" } = error as { stderr?: string };
  const line = stderr.trim().split("\n").at(-1) ?? "";
  try {
    const { msg } = JSON.parse(line) as { msg?: unknown };
    if (typeof msg === "string") return msg;
  } catch {
    // It ended without a word, or libtensorflow had the last one.
  }
  return `the engine cannot be run: ${line === "" ? messageOf(error) : line}`;
}

/** A folder that was named is not looked beside. The package fetches libtensorflow when it starts. */
function mendOf({ libtensorflowPath }: EngineConfig): string {
  const isNamed = process.env["LIBTENSORFLOW_PATH"] === libtensorflowPath && libtensorflowPath !== undefined;
  const bring = IS_INSTALLED ? "npx menagerie serve" : SET_UP;
  return isNamed ? `env --unset=LIBTENSORFLOW_PATH ${bring}` : bring;
}
