/**
 * `npm test -- onnx`: graphs written as ONNX models, checked by the format's own checker and on ONNX Runtime
 * (native/graph/tests/onnx). Where Python or what pip brings cannot be had, they are skipped with the reason.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRuntime } from "./setup/bring-runtime.mjs";
import { ROOT_DIR } from "./setup/paths.mjs";
import { LIBTENSORFLOW } from "./setup/runtimes.mjs";
import { installForTests, ONNX_TESTS } from "./setup/steps.mjs";
import { buildEnvironment } from "./setup/tools.mjs";

const python = installForTests(ONNX_TESTS);
const { dir } = findRuntime(LIBTENSORFLOW);
if ("reason" in python) {
  console.log(`skipped: ONNX Runtime for Python cannot be installed: ${python.reason}`);
} else if (dir === undefined) {
  console.log("skipped: libtensorflow, with which it is compared, is not here");
} else {
  const folder = mkdtempSync(join(tmpdir(), "menagerie-onnx-"));
  try {
    const env = {
      ...buildEnvironment(),
      MENAGERIE_ONNX_DIR: folder,
      RUNTIME: "libtensorflow",
      // Else its builds for Python tell their makers of each session.
      ORT_DISABLE_TELEMETRY: "1",
      LIBTENSORFLOW_PATH: dir,
    };
    const made = ["test", "--quiet", "--package", "menagerie-graph", "--locked", "--test", "onnx"];
    const commands = [
      { program: "cargo", args: made, cwd: ROOT_DIR },
      { program: python.python, args: ["-B", "-m", "unittest", "--verbose"], cwd: ONNX_TESTS },
    ];
    for (const { program, args, cwd } of commands) {
      const { status, error } = spawnSync(program, args, { cwd, env, stdio: "inherit" });
      if (error) throw error;
      process.exitCode ||= status ?? 1;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
