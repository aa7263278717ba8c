/** Models of the zoo that are programs: the examples of this project, and the same with one thing wrong. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmod, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT_DIR } from "../../src/config.js";

/** Where this machine's Python lies, beside the system's folders; null without one. */
export const PYTHON_DIR = pythonDir();
export const HISTOGRAM = join(ROOT_DIR, "docs/examples/histogram.py");
export const LABELS = "red\ngreen\nblue\n";
const PALETTES = "[[[255, 0, 0]], [[0, 255, 0]], [[0, 0, 255]]]";

interface ProgramModel {
  readonly id: string;
  /** Path of the executable, or its text. */
  readonly program: string | { readonly text: string };
  readonly arguments?: readonly string[];
  readonly protocol?: "frames" | "once";
  /** What the program is given; the manifest names no graph where it is absent. */
  readonly model?: string;
  readonly input?: object;
}

/** Writes the folder of a model that tells red, green and blue apart. */
export async function addProgram(zoo: string, { id, program, model, input = {}, ...engine }: ProgramModel) {
  const dir = join(zoo, id);
  await mkdir(dir, { recursive: true });
  if (typeof program === "string") await copyFile(program, join(dir, "program"));
  else await writeFile(join(dir, "program"), program.text);
  await chmod(join(dir, "program"), 0o755);
  await writeFile(join(dir, "labels.txt"), LABELS);
  if (model !== undefined) await writeFile(join(dir, "model.txt"), model);
  const manifest = {
    ...{
      schema: 1,
      id,
      version: "1",
      title: id,
      description: "Tells red, green and blue apart.",
      licence: "Apache-2.0",
    },
    engine: { program: "program", ...engine },
    ...(model === undefined ? {} : { graph: { file: "model.txt", bytes: null, sha256: null } }),
    labels: { file: "labels.txt", sha256: null },
    input,
    output: {},
  };
  await writeFile(join(dir, "manifest.json"), JSON.stringify(manifest));
}

/** The example in Python, with one text of it in place of another. */
export async function addHistogram(zoo: string, id: string, [text, other]: readonly [string, string] = ["", ""]) {
  const example = await readFile(HISTOGRAM, "utf8");
  if (!example.includes(text)) throw new Error(`the example has no ${text}`);
  await addProgram(zoo, { id, program: { text: example.replace(text, other) }, model: PALETTES });
}

/** Builds the template in Rust, and says where it is. */
export function buildTemplate(): string {
  const options = ["--locked", "--package", "menagerie-wrapper-template", "--message-format", "json"];
  const output = execFileSync("cargo", ["build", "--quiet", ...options], { cwd: ROOT_DIR, encoding: "utf8" });
  const path = /"executable":"([^"]+)"/.exec(output)?.[1];
  if (path === undefined) throw new Error("cargo names no executable");
  return path;
}

function pythonDir(): string | null {
  const { status, stdout } = spawnSync("python3", ["-c", "import sys; print(sys.base_prefix)"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
}
