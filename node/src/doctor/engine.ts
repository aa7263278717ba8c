/** What runs graphs, and the cell that they run in: asked of the engine itself, as the service starts it. */
import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { promisify } from "node:util";
import type { Config } from "../config.js";
import { messageOf } from "../errors.js";
import { ENGINE, IS_INSTALLED, SET_UP } from "../places.js";
import { amber, type Finding, green, red } from "./finding.js";

type EngineConfig = Pick<
  Config,
  | "enginePath"
  | "runtime"
  | "libtensorflowPath"
  | "onnxruntimePath"
  | "tfEnableOnednnOpts"
  | "sandbox"
  | "engineStartMsMax"
  | "engineMemoryBytesMax"
>;

/** `name  value` a line. */
type Report = Partial<Record<string, string>>;

const RUNTIMES = ["libtensorflow", "onnxruntime"] as const;

export async function checkEngine(config: EngineConfig): Promise<Finding[]> {
  const { enginePath, sandbox } = config;
  if (enginePath === ENGINE.path && ENGINE.problem !== null) return [red("library", ENGINE.problem, SET_UP)];
  if (!(await isExecutable(enginePath))) {
    return [red("library", `the engine ${enginePath} is not there, or is not executable`, SET_UP)];
  }
  const runtimes = config.runtime === "auto" ? RUNTIMES : [config.runtime];
  const reports = await Promise.all(runtimes.map((runtime) => askEngine(config, runtime)));
  const asked = runtimes.map((runtime, index) => ({ runtime, report: reports[index] ?? {} }));
  const broken = asked.find(({ report }) => typeof report === "string");
  // ONNX Runtime alone does: its answers are not compared then.
  const isEnough = broken?.runtime === "libtensorflow" && runtimes.length > 1 && typeof reports[1] !== "string";
  if (broken !== undefined && !isEnough) {
    return [red("library", String(broken.report), mendOf(config, broken.runtime))];
  }
  const loading = asked.flatMap(({ runtime, report }) =>
    typeof report === "string" ? [] : [loadingOf(runtime, report)],
  );
  const library =
    broken === undefined
      ? green("library", loading.join("; "))
      : amber("library", `${loading.join("; ")}; not compared: ${broken.report}`, mendOf(config, broken.runtime));
  const { held = "", missing } = reports.find((report) => typeof report !== "string") ?? {};
  if (missing === undefined) return [library, green("sandbox", `holds: ${held}`)];
  const found = `missing: ${missing}; holds: ${held}`;
  if (sandbox === "required") return [library, red("sandbox", found, "SANDBOX=best-effort npm start")];
  return [library, amber("sandbox", found, `${enginePath} check --cell`)];
}

function loadingOf(runtime: string, report: Report): string {
  return `${runtime} ${report[runtime] ?? ""}, ${report["kernels"]}, loads in ${report["start"]}`;
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** What the engine says of itself with this runtime, several lines of one name joined; or why it says nothing. */
async function askEngine(config: EngineConfig, runtime: string): Promise<Report | string> {
  const env = {
    RUNTIME: runtime,
    TF_ENABLE_ONEDNN_OPTS: config.tfEnableOnednnOpts,
    ENGINE_MEMORY_BYTES_MAX: String(config.engineMemoryBytesMax),
    ...(config.libtensorflowPath === undefined ? {} : { LIBTENSORFLOW_PATH: config.libtensorflowPath }),
    ...(config.onnxruntimePath === undefined ? {} : { ONNXRUNTIME_PATH: config.onnxruntimePath }),
  };
  try {
    const options = { env, timeout: config.engineStartMsMax };
    const { stdout } = await promisify(execFile)(config.enginePath, ["check"], options);
    const report: Report = {};
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
    // It ended without a word, or the runtime had the last one.
  }
  return `the engine cannot be run: ${line === "" ? messageOf(error) : line}`;
}

/** A folder that was named is not looked beside. The package fetches what runs graphs when it starts. */
function mendOf({ libtensorflowPath, onnxruntimePath }: EngineConfig, runtime: string): string {
  const [variable, path] =
    runtime === "onnxruntime" ? ["ONNXRUNTIME_PATH", onnxruntimePath] : ["LIBTENSORFLOW_PATH", libtensorflowPath];
  const isNamed = path !== undefined && process.env[variable] === path;
  const bring = IS_INSTALLED ? "npx menagerie serve" : SET_UP;
  return isNamed ? `env --unset=${variable} ${bring}` : bring;
}
