/**
 * Answers made in this browser: the model is downloaded once, and answers from then on without the service. Where that
 * fails, the service is asked again, and the page says why.
 */
import { signal } from "@preact/signals";
import type { ErrorCode } from "../../../../src/generated/contract.js";
import { type DescribedModel, describeModel, modelPath, Refusal, type Result, readFile } from "../../api.js";
import { batch, own, type Photo, photo, region } from "../../state.js";
import { imageLimits, onlyModelId } from "../light/light.js";
import type { ModelFiles, RunnerCall, RunnerReply } from "./model-runner.js";

/** Larger graphs are left to the service. */
export const GRAPH_BYTES_MAX = 8_000_000;
/** Of ONNX Runtime, compressed as it comes. */
export const RUNTIME_BYTES = 3_700_000;

/** Whether answers are made here where they can be. */
export const answersHere = signal(false);
/** Why the last one could not be made here; null where none failed. */
export const hereProblem = signal<string | null>(null);

/** A worker with a model in it. */
interface Runner {
  readonly id: string;
  readonly model: DescribedModel;
  readonly ask: <C extends Call>(call: C, signal: AbortSignal) => Promise<RunnerReply>;
  readonly close: () => void;
}

type Call = RunnerCall extends infer C ? (C extends RunnerCall ? Omit<C, "id"> : never) : never;

let runner: Runner | null = null;

/** Switches it on or off. What was downloaded is kept until another model is asked. */
export function answerHere(isOn: boolean): void {
  answersHere.value = isOn;
  hereProblem.value = null;
}

/** The model that can answer what is asked now: a whole photo, not at an address, of one model of the service's; else null. */
export function hereModelId(): string | null {
  const isHere = own.value === null && batch.value === null && region.value.kind === "whole";
  return isHere && photo.value?.file !== null ? onlyModelId() : null;
}

/** The answer that was made here; null where the service has to be asked. */
export async function askHere({ name, file }: Photo, signal: AbortSignal): Promise<Result | null> {
  const id = hereModelId();
  if (!answersHere.value || file === null || id === null) return null;
  try {
    if (runner?.id !== id) {
      runner?.close();
      runner = null;
      runner = await openRunner(id, signal);
    }
    const { ask, model } = runner;
    const reply = await ask({ photo: file, limits: imageLimits() }, signal);
    if ("code" in reply) throw new Refusal(reply.code as ErrorCode, reply.message);
    if ("unavailable" in reply) throw new Error(reply.unavailable);
    if (reply.answer === null) throw new Error("no answer came");
    const { sha256, version } = model;
    const image = { name, ...reply.answer.image };
    return { ...reply.answer, image, model: { id: model.id, version, sha256 }, isMadeHere: true };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Refusal && error.code.startsWith("image_")) throw error;
    runner?.close();
    runner = null;
    answersHere.value = false;
    hereProblem.value = error instanceof Error ? error.message : String(error);
    return null;
  }
}

async function openRunner(id: string, signal: AbortSignal): Promise<Runner> {
  const model = await describeModel(id, signal);
  if (model.graph.bytes > GRAPH_BYTES_MAX) throw new Error("this model is too large for it");
  const [labels, onnx] = await Promise.all([
    model.labels === undefined ? null : bytesAt(`${modelPath(id)}/labels`, signal),
    bytesAt(`${modelPath(id)}/graph?as=onnx&preprocess=1`, signal),
  ]);
  const opened = startRunner(id, model);
  const files: ModelFiles = { spec: model, confidence: model.confidence ?? null, labels, onnx };
  try {
    const reply = await opened.ask({ open: files }, signal);
    if ("unavailable" in reply) throw new Error(reply.unavailable);
    if ("message" in reply) throw new Error(reply.message);
    return opened;
  } catch (error) {
    opened.close();
    throw error;
  }
}

async function bytesAt(path: string, signal: AbortSignal): Promise<Uint8Array> {
  return new Uint8Array(await (await readFile(path, signal)).arrayBuffer());
}

function startRunner(id: string, model: DescribedModel): Runner {
  const worker = new Worker(new URL("model-runner.js", document.baseURI), { type: "module" });
  let calls = 0;
  return {
    id,
    model,
    close: () => worker.terminate(),
    ask(call, signal) {
      calls += 1;
      const mine = calls;
      const over = new AbortController();
      return new Promise<RunnerReply>((resolve, reject) => {
        const until = { signal: over.signal };
        const hear = ({ data }: MessageEvent<RunnerReply>) => data.id === mine && resolve(data);
        worker.addEventListener("message", hear, until);
        worker.addEventListener(
          "error",
          ({ message }) => reject(new Error(message || "its script did not come")),
          until,
        );
        signal.addEventListener("abort", () => reject(signal.reason), until);
        worker.postMessage({ ...call, id: mine });
      }).finally(() => over.abort());
    },
  };
}
