/**
 * A worker that answers photos with one model, as the service would: pixels and answer are made in the WebAssembly that the
 * service also uses, and the graph runs on ONNX Runtime.
 */
import { env, InferenceSession, Tensor } from "onnxruntime-web/wasm";
import type {
  Answer,
  Confidence,
  ImageLimits,
  InferOptions,
  ModelSpec,
  OutputSpec,
} from "../../../../src/generated/contract.js";
import { sha256 } from "../../sha256.js";

export interface ModelFiles {
  readonly spec: ModelSpec;
  readonly confidence: Confidence | null;
  /** The label file; null where the model has none. */
  readonly labels: Uint8Array | null;
  /** The graph as ONNX, with its pre-processing inside. */
  readonly onnx: Uint8Array;
}

export type RunnerCall =
  | { readonly id: number; readonly open: ModelFiles }
  | { readonly id: number; readonly photo: File; readonly limits: ImageLimits };

/** The answer, where a photo was asked about; why the photo cannot be used; or why this browser cannot do it. */
export type RunnerReply = { readonly id: number } & (
  | { readonly answer: Answer | null }
  | { readonly code: string; readonly message: string }
  | { readonly unavailable: string }
);

interface Maker {
  default(): Promise<unknown>;
  Model: new (
    specJson: string,
    labels: Uint8Array | null,
    offset: number | null,
    confidenceJson: string | null,
  ) => object;
  prepare(
    model: object,
    image: Uint8Array,
    optionsJson: string,
    host: { sha256(bytes: Uint8Array): string },
    room: Uint8Array,
  ): { seenJson: string };
  scoresReply(values: Float32Array, runMs: number): Uint8Array;
  answer(model: object, seenJson: string, optionsJson: string, reply: Uint8Array): string;
}

interface Opened {
  readonly maker: Maker;
  readonly model: object;
  readonly session: InferenceSession;
  readonly spec: ModelSpec;
}

const MAKER: string = "./menagerie_wasm.js";
/** As many entries as the service gives where nothing else is asked for. */
const TOP_K = 5;

let opened: Opened | null = null;

self.addEventListener("message", async ({ data }: MessageEvent<RunnerCall>) => {
  const { id } = data;
  try {
    if ("open" in data) opened = await open(data.open);
    const answer = "open" in data ? null : await answerPhoto(data.photo, data.limits);
    self.postMessage({ id, answer } satisfies RunnerReply);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const message = error instanceof Error ? error.message : String(error);
    const reply: RunnerReply = typeof code === "string" ? { id, code, message } : { id, unavailable: message };
    self.postMessage(reply);
  }
});

async function open({ spec, confidence, labels, onnx }: ModelFiles): Promise<Opened> {
  const maker = (await import(MAKER)) as Maker;
  await maker.default();
  env.wasm.numThreads = 1;
  env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", self.location.href).href };
  const session = await InferenceSession.create(onnx, { executionProviders: ["wasm"] });
  const tempered = confidence === null ? null : JSON.stringify({ ...confidence, temperature: 1 });
  const told = { ...spec, output: outputWritten(spec.output) };
  const model = new maker.Model(JSON.stringify(told), labels, spec.labels?.offset ?? null, tempered);
  return { maker, model, session, spec };
}

/** What an ONNX file with its pre-processing inside gives for this output: tempered probabilities, two at least. */
function outputWritten(output: OutputSpec): OutputSpec {
  const { kind, classes } = output;
  const isAsBefore = kind === "index" || (kind === "sigmoid" && classes > 1);
  return isAsBefore ? output : { ...output, kind: "softmax", classes: Math.max(2, classes) };
}

async function answerPhoto(file: File, limits: ImageLimits): Promise<Answer> {
  if (opened === null) throw new Error("no model is open");
  const { maker, model, session, spec } = opened;
  const options: InferOptions = { top_k: TOP_K, score_threshold: 0, picture: true, limits };
  const optionsJson = JSON.stringify(options);
  let pixels = new Uint8Array();
  const host = {
    // Browsers hash only with a promise: the hash is put in below.
    sha256: (bytes: Uint8Array) => {
      pixels = bytes.slice();
      return "";
    },
  };
  const photo = new Uint8Array(await file.arrayBuffer());
  const { seenJson } = maker.prepare(model, photo, optionsJson, host, new Uint8Array());
  const began = performance.now();
  const values = await run(session, pixels, spec);
  const reply = maker.scoresReply(values, performance.now() - began);
  const answer = JSON.parse(maker.answer(model, seenJson, optionsJson, reply)) as Answer;
  return { ...answer, input: { ...answer.input, sha256: (await sha256(pixels)) ?? "" } };
}

/** The values of one image. A batch that is fixed is filled up with zeros. */
async function run(session: InferenceSession, pixels: Uint8Array, { input }: ModelSpec): Promise<Float32Array> {
  const batch = input.batch ?? 1;
  const filled = new Uint8Array(batch * pixels.length);
  filled.set(pixels);
  const [name = ""] = session.inputNames;
  const fed = new Tensor("uint8", filled, [batch, input.height, input.width, input.channels]);
  const [fetched] = Object.values(await session.run({ [name]: fed }));
  if (fetched === undefined) throw new Error("the graph gave nothing");
  const values = Float32Array.from(fetched.data as ArrayLike<number | bigint>, Number);
  return values.subarray(0, values.length / batch);
}
