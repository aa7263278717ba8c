/** A program that answers each line on its stdin by one line of JSON on its stdout. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** What keeps ONNX Runtime from telling its makers of each session, and TensorFlow from saying what it finds. */
export const QUIET = { ORT_DISABLE_TELEMETRY: "1", TF_CPP_MIN_LOG_LEVEL: "3" };

export class LineProcess {
  #child;
  #waiting = [];

  /** @param {Buffer} [first] bytes written before the first line */
  constructor(program, args, first) {
    this.#child = spawn(program, args, {
      stdio: ["pipe", "pipe", "inherit"],
      env: { TF_ENABLE_ONEDNN_OPTS: "1", ...process.env, ...QUIET },
    });
    if (first !== undefined) this.#child.stdin.write(first);
    createInterface({ input: this.#child.stdout }).on("line", (line) =>
      this.#waiting.shift()?.resolve(JSON.parse(line)),
    );
    const fail = (why) => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`${program} ${why}`));
    };
    this.#child.once("error", (error) => fail(error.message));
    this.#child.once("exit", (code) => fail(`ended with ${code}`));
  }

  get pid() {
    return this.#child.pid;
  }

  ask(line) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write(`${line}\n`);
    });
  }

  async stop() {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.stdin.end();
    await ended;
  }
}
