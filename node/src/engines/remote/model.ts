/** One model that a remote server runs: frames become tensors, and what comes back becomes scores. */
import { AppError, EngineError } from "../../errors.js";
import {
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  FRAME_REQUEST_ID_OFFSET,
  type ModelSpec,
  type Runtime,
} from "../../generated/contract.js";
import type { LoadedModel, Party } from "../../ports.js";
import { fedShape, valuesPerImage } from "../../tensors.js";
import type { WorkerPool } from "../../worker-pool.js";
import { greyFrame } from "../compare.js";
import { Lanes, type Runs } from "../lanes.js";
import type { Fit } from "./fit.js";
import type { RemoteName } from "./names.js";
import type { Fetched, RemoteServer } from "./server.js";
import { askThread, type Call, type Form, type Reply } from "./thread-calls.js";

/** What JSON takes for one value, at most, with what stands around it. */
const JSON_VALUE_BYTES_MAX = 32;
const ANSWER_HEAD_BYTES_MAX = 64 * 1024;

export interface RemoteModelOptions {
  readonly server: RemoteServer;
  /** Runs that are with the server at once. */
  readonly requestsMax: number;
  /** Images in one run. */
  readonly imagesMax: number;
  readonly firstRunMsMax: number;
  readonly runMsMax: number;
  readonly threads: WorkerPool<Call, Reply>;
  readonly runs: Runs;
}

export class RemoteModel implements LoadedModel {
  readonly spec: ModelSpec;
  readonly runtime: Runtime | null;
  readonly imagesMax: number;
  readonly tensors: boolean;
  readonly #fit: Fit;
  readonly #remote: RemoteName;
  readonly #options: RemoteModelOptions;
  /** `InputSpec`, with the batch that the server asks for. */
  readonly #inputJson: string;
  readonly #lanes: Lanes;
  readonly #onClose: () => void;
  #closing = false;
  /** The server was gone, or answered what does not fit, and may have another model: what it says of it is asked anew. */
  #lost = false;

  constructor(
    spec: ModelSpec,
    fit: Fit,
    remote: RemoteName,
    runtime: Runtime | null,
    options: RemoteModelOptions,
    onClose: () => void,
  ) {
    this.spec = spec;
    this.#fit = fit;
    this.#remote = remote;
    this.runtime = runtime;
    this.#options = options;
    this.#onClose = onClose;
    this.imagesMax = Math.min(options.imagesMax, fit.batch ?? options.imagesMax);
    this.tensors = spec.input.dtype === "float32";
    const { batch: _, ...input } = spec.input;
    this.#inputJson = JSON.stringify(fit.batch === null ? input : { ...input, batch: fit.batch });
    this.#lanes = new Lanes(options.requestsMax, (frame) => this.#run(frame, options.runMsMax), options.runs);
  }

  get alive(): boolean {
    return !this.#lost && !this.#closing;
  }

  exchange(frame: Uint8Array, party: Party): Promise<Uint8Array> {
    return this.#lanes.exchange(frame, party);
  }

  /** Runs a grey picture. Rejects where there are no scores for it. */
  async tryOut(): Promise<void> {
    const reply = await this.#run(greyFrame(this.spec), this.#options.firstRunMsMax);
    if (hasScores(reply)) return;
    const { message } = JSON.parse(Buffer.from(reply.subarray(FRAME_HEADER_BYTES)).toString("utf8")) as Error;
    throw new AppError("engine_unavailable", `${this.#remote.name} does not answer as the graph here: ${message}.`);
  }

  async memoryBytes(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#lanes.close();
    this.#onClose();
  }

  async #run(frame: Uint8Array, msMax: number): Promise<Uint8Array> {
    const { server, threads } = this.#options;
    const { form } = server;
    const fed = await askThread(threads, { kind: "feed", inputJson: this.#inputJson, frame, form });
    if (fed.kind === "frame") return fed.frame;
    if (fed.kind !== "bytes") throw new Error(`a thread answered ${fed.kind}`);
    const imageCount = imageCountOf(frame);
    const batch = this.#fit.batch ?? imageCount;
    const began = performance.now();
    const fetched = await this.#fetch(fed.bytes, form, batch, msMax);
    const counts = { imageCount, batch, valuesPerImage: valuesPerImage(this.spec), runMs: performance.now() - began };
    const speech = form === "nested" ? "tfs" : "v2";
    const read = "raw" in fetched ? fetched : ({ ...fetched, speech, output: this.#fit.output } as const);
    const reply = await askThread(threads, { kind: "reply", fetched: read, ...counts });
    if (reply.kind !== "frame") throw new Error(`a thread answered ${reply.kind}`);
    if (!hasScores(reply.frame)) this.#lose();
    return reply.frame;
  }

  async #fetch(values: Uint8Array, form: Form, batch: number, msMax: number): Promise<Fetched> {
    const { input, output } = this.#fit;
    try {
      return await this.#options.server.run({
        model: this.#remote,
        input: { ...input, shape: [batch, ...fedShape(this.spec)] },
        values,
        form,
        output,
        bytesMax: ANSWER_HEAD_BYTES_MAX + batch * valuesPerImage(this.spec) * JSON_VALUE_BYTES_MAX,
        msMax,
      });
    } catch (error) {
      const isUnread = error instanceof AppError && error.code === "engine_failed";
      if (error instanceof EngineError || isUnread) this.#lose();
      throw error;
    }
  }

  #lose(): void {
    this.#lost = true;
    this.#onClose();
  }
}

function hasScores(reply: Uint8Array): boolean {
  return reply[FRAME_REQUEST_ID_OFFSET - 1] === FRAME_KIND.scores;
}

/** Images of a frame: the first number behind its head. */
function imageCountOf({ buffer, byteOffset }: Uint8Array): number {
  return new DataView(buffer, byteOffset).getUint32(FRAME_HEADER_BYTES, true);
}
