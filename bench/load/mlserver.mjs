/** MLServer from its package, with models of the zoo that `menagerie export` wrote for it. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installForTests } from "../../scripts/setup/steps.mjs";
import { ROOT } from "./service.mjs";

const FOLDER = fileURLToPath(new URL("mlserver", import.meta.url));
const RUNTIME = join(FOLDER, "onnx_model.py");
const START_MS_MAX = 120_000;

/**
 * @param {readonly string[]} ids of models of the zoo
 * @param {{http: number, grpc: number, metrics: number}} ports
 * @returns {{reason: string} | MlServer}
 */
export function prepareMlServer(ids, ports) {
  const installed = installForTests(FOLDER);
  if ("reason" in installed) return installed;
  const dir = mkdtempSync(join(tmpdir(), "menagerie-mlserver-"));
  const settings = { host: "127.0.0.1", http_port: ports.http, grpc_port: ports.grpc, metrics_port: ports.metrics };
  writeFileSync(join(dir, "settings.json"), JSON.stringify({ ...settings, parallel_workers: 0, debug: false }));
  for (const id of ids) writeModel(join(dir, id), id);
  return new MlServer(join(dirname(installed.python), "mlserver"), dir, ports);
}

function writeModel(dir, id) {
  mkdirSync(dir);
  const command = join(ROOT, "node/bin/menagerie.mjs");
  execFileSync(process.execPath, [command, "export", id, "--to", "onnx", "--out", join(dir, "model.onnx")], {
    cwd: ROOT,
    stdio: "ignore",
  });
  cpSync(RUNTIME, join(dir, basename(RUNTIME)));
  const { input, output } = JSON.parse(readFileSync(join(ROOT, `models/${id}/manifest.json`), "utf8"));
  const shape = [-1, input.height, input.width, input.channels];
  const model = {
    name: id,
    implementation: "onnx_model.OnnxModel",
    parameters: { uri: "./model.onnx" },
    inputs: [{ name: input.tensor, datatype: "FP32", shape }],
    outputs: [{ name: output.tensor, datatype: "FP32", shape: [-1, output.classes] }],
  };
  writeFileSync(join(dir, "model-settings.json"), JSON.stringify(model));
}

class MlServer {
  #program;
  #dir;
  #ports;
  #child = null;
  #log = "";

  constructor(program, dir, ports) {
    this.#program = program;
    this.#dir = dir;
    this.#ports = ports;
  }

  /** For `ENGINE`. */
  addressOf(speech) {
    return `${speech}://127.0.0.1:${speech === "v2+grpc" ? this.#ports.grpc : this.#ports.http}`;
  }

  /** Resolves once it is ready. */
  async start() {
    // ONNX Runtime reports sessions to its makers otherwise.
    const env = { PATH: process.env.PATH, HOME: this.#dir, ORT_DISABLE_TELEMETRY: "1", PYTHONDONTWRITEBYTECODE: "1" };
    this.#child = spawn(this.#program, ["start", "."], { cwd: this.#dir, env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        this.#log = `${this.#log}${text}`.slice(-10_000);
      });
    }
    const until = performance.now() + START_MS_MAX;
    const url = `http://127.0.0.1:${this.#ports.http}/v2/health/ready`;
    while (
      !(await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      if (this.#child.exitCode !== null || performance.now() > until) throw new Error(`MLServer: ${this.#log}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Ends it at once. */
  async kill() {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  async remove() {
    await this.kill();
    rmSync(this.#dir, { recursive: true });
  }
}
