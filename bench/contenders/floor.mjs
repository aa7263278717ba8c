/**
 * What cannot be beaten on this machine: libtensorflow is given a tensor that is ready, and nothing is decoded, resized,
 * sent over HTTP or labelled. One process of tf-direct.c for each core; the tensor comes to it through a pipe.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { preprocess } from "../../wasm/pkg/menagerie_wasm.js";
import { IMAGE_OPTIONS_JSON, indexOfBest } from "../scores.mjs";

export const id = "floor";
export const title = "Floor: libtensorflow alone, fed a ready tensor";

const BYTES_OF_FLOAT = 4;

/** @param {import("../setup.mjs").Setup} setup */
export async function start(setup) {
  const { input, output } = setup.spec;
  if (input.layout !== "NHWC" || input.dtype !== "float32") {
    throw new Error(`the floor feeds float32 NHWC tensors, and this graph takes ${input.dtype} ${input.layout}`);
  }
  const folder = await mkdtemp(join(tmpdir(), "menagerie-floor-"));
  const program = join(folder, "tf-direct");
  await promisify(execFile)("cc", ["-O2", "-o", program, join(setup.root, "node/test/fixtures/tf-direct.c"), "-ldl"]);
  const axes = [1, input.height, input.width, input.channels];
  const args = [setup.libtensorflowPath, setup.graphPath, input.tensor, output.tensor, ...axes].map(String);
  const tensor = tensorOf(setup);
  const sessions = Array.from({ length: availableParallelism() }, () => new Session(program, args, output.classes));
  let next = 0;
  return {
    pids: sessions.map((session) => session.pid),
    ask: () => sessions[next++ % sessions.length].run(tensor),
    stop: async () => {
      await Promise.all(sessions.map((session) => session.stop()));
      await rm(folder, { recursive: true });
    },
  };
}

/** @param {import("../setup.mjs").Setup} setup */
function tensorOf({ spec: { input }, image }) {
  const { pixels } = preprocess(image, JSON.stringify(input), IMAGE_OPTIONS_JSON);
  const channelOf = (offset) => offset % input.channels;
  const sourceOf = (offset) =>
    input.channel_order === "BGR" ? offset - channelOf(offset) + 2 - channelOf(offset) : offset;
  const values = Float32Array.from(
    pixels,
    (_, offset) => (pixels[sourceOf(offset)] - input.mean[channelOf(offset)]) / input.std[channelOf(offset)],
  );
  return Buffer.from(values.buffer);
}

/** A process that answers one tensor after the other, in the order in which they came. */
class Session {
  #child;
  #answerBytes;
  #waiting = [];
  #received = Buffer.alloc(0);

  constructor(program, args, classCount) {
    this.#answerBytes = BYTES_OF_FLOAT * classCount;
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"], env: { TF_CPP_MIN_LOG_LEVEL: "3" } });
    this.#child.stdout.on("data", (chunk) => this.#receive(chunk));
    this.#child.once("exit", (code) => {
      for (const { reject } of this.#waiting) {
        reject(new Error(`tf-direct ended with ${code}`));
      }
    });
  }

  get pid() {
    return this.#child.pid;
  }

  /** @returns {Promise<number>} the class */
  run(tensor) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write(tensor);
    });
  }

  async stop() {
    const ended = once(this.#child, "exit");
    this.#child.stdin.end();
    await ended;
  }

  #receive(chunk) {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= this.#answerBytes) {
      const scores = Array.from({ length: this.#answerBytes / BYTES_OF_FLOAT }, (_, index) =>
        this.#received.readFloatLE(index * BYTES_OF_FLOAT),
      );
      this.#received = this.#received.subarray(this.#answerBytes);
      this.#waiting.shift().resolve(indexOfBest(scores));
    }
  }
}
