/**
 * Graphs of many makers over HTTP, against libtensorflow fed directly: fixtures/tf-direct.c imports each graph as its
 * file has it and is fed the tensor that the model's author feeds (meta.json), made here from the pixels that the
 * service reports to have seen.
 */
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import type { Answer, InputSpec } from "../../src/generated/contract.js";
import { form } from "../support/fake-service.js";
import { LIBTENSORFLOW_DIR, sharedFolder } from "../support/paths.js";
import { makeColourZoo, type RunningServer, startServer } from "../support/server.js";

const TOLERANCE = 1e-4;

/** The settings that a request has to name, because they are not to be found in the graph. All others are detected. */
const NAMED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // Google's page says 128 for these; detection takes the usual 127.5, which differs by more than the tolerance. The
  // samples of the first were stretched without antialias, those of its sister nets with: no graph tells.
  "imagenet_mobilenet_v1_0.50_224_quantized": { normalization: "mean=128;std=128", resize_filter: "bilinear" },
  "imagenet_mobilenet_v2_1.0_224": { normalization: "mean=128;std=128" },
  // Trained from scratch on pictures padded with grey.
  vehicles3_dwconv_64: { normalization: "mean=128;std=128", resize: "pad" },
  // Trained on icons without their colours.
  "appicons_mobilenet_v1_0.50_hub": { channel_order: "GRAY" },
  // No trace of the order is in the graph. Its author swapped the channels and not the means of CIFAR-10; meta.json lists
  // them in the tensor's order, the field takes r,g,b.
  cifar10_samplenet_nchw: {
    normalization: "mean=113.8575,122.961,125.307;std=51.255,50.847,51.5865",
    channel_order: "BGR",
  },
};

/** Two best classes of meta.json that are closer than this may come in either order. */
const TIE = 0.02;

const LOGITS: ReadonlySet<string> = new Set([
  "cifar10_samplenet_nchw",
  "dice6_rank3_logits",
  "mnist_onnx_nchw_batch20",
  "wordornot_logits_labels_placeholder",
]);

interface Meta {
  readonly input: { readonly name: string; readonly shape: readonly (number | null)[] | null };
  readonly output: { readonly name: string };
  readonly preprocess: {
    readonly size: number;
    readonly mean: number | readonly number[];
    readonly std: number | readonly number[];
    readonly order: string;
    readonly layout: string;
    readonly resize: string;
  };
  readonly samples: readonly Sample[];
}

interface Sample {
  readonly graph?: string;
  readonly image: string;
  readonly tf_top: readonly (readonly [number, string, number] | readonly [string, number])[];
}

interface Case {
  readonly folder: string;
  readonly graph: string;
  readonly meta: Meta;
}

type Preprocess = (
  image: Uint8Array,
  inputSpecJson: string,
  optionsJson: string,
) => { pixels: Uint8Array; imageJson: string };

const zooData = sharedFolder("zoo-data");
const images = sharedFolder("images");
const { preprocess } = createRequire(import.meta.url)(join(ROOT_DIR, "wasm/pkg/menagerie_wasm.js")) as {
  preprocess: Preprocess;
};

const cases: Case[] = zooData === null ? [] : readdirSync(zooData).flatMap(casesOf);

/** A folder holds one graph or two; one holds a SavedModel of several files, which is no upload. */
function casesOf(folder: string): Case[] {
  const dir = join(zooData ?? "", folder);
  const graphs = ["graph.pb", "quantized_graph.pb"].filter((graph) => existsSync(join(dir, graph)));
  if (graphs.length === 0) return [];
  const meta = JSON.parse(readFileSync(join(dir, "meta.json"), "utf8")) as Meta;
  return graphs.map((graph) => ({ folder, graph, meta }));
}

describe.skipIf(zooData === null || images === null)("every graph of zoo-data", () => {
  let server: RunningServer;
  let zoo: string;
  let direct: string;

  beforeAll(async () => {
    zoo = await makeColourZoo();
    direct = join(await mkdtemp(join(tmpdir(), "menagerie-direct-")), "tf-direct");
    const source = fileURLToPath(new URL("../fixtures/tf-direct.c", import.meta.url));
    await promisify(execFile)("cc", ["-O1", "-o", direct, source, "-ldl"]);
    server = await startServer({ MODELS_DIR: zoo });
  });
  afterAll(async () => {
    await server.stop();
    await rm(zoo, { recursive: true });
    await rm(join(direct, ".."), { recursive: true });
  });

  it("is there", () => {
    expect(cases.length).toBeGreaterThanOrEqual(19);
    for (const folder of [...Object.keys(NAMED), ...LOGITS]) expect(cases.map((one) => one.folder)).toContain(folder);
  });

  it.each(cases)("$folder/$graph answers as libtensorflow does", async (one) => {
    const { folder, graph, meta } = one;
    const samples = samplesOf(one);
    const pictures = samples.length === 0 ? [join(images ?? "", "grace_hopper.jpg")] : samples.map(({ path }) => path);
    const answers: Answer[] = [];
    for (const picture of pictures) answers.push(await classify(server, one, picture));
    const input = await inputOf(server, one);

    const tensors = answers.map((answer, index) => {
      const { pixels } = pixelsOf(readFileSync(pictures[index] ?? ""), input);
      expect(createHash("sha256").update(pixels).digest("hex")).toBe(answer.input.sha256);
      return tensorOf(pixels, meta);
    });
    const truths = await runDirect(direct, join(zooData ?? "", folder, graph), meta, tensors);
    for (const [index, scores] of truths.entries()) {
      const truth = LOGITS.has(folder) ? softmax(scores) : scores;
      const answer = answers[index];
      expect(Math.max(...truth) - (truth[answer?.index ?? -1] ?? 0)).toBeLessThan(TOLERANCE);
      for (const { index: entry, probability } of answer?.top ?? []) {
        expect(Math.abs(probability - (truth[entry] ?? Number.NaN)), `class ${entry}`).toBeLessThan(TOLERANCE);
      }
    }

    const labels = readFileSync(join(zooData ?? "", folder, "labels.txt"), "utf8").split(/\r?\n/);
    for (const [index, { sample }] of samples.entries()) {
      const said = sample.tf_top.map(([first]) => (typeof first === "number" ? first : labels.indexOf(first)));
      expect(said.slice(0, isTie(sample) ? 2 : 1), sample.image).toContain(answers[index]?.index);
    }
  });
});

function isTie({ tf_top: [first, second] }: Sample): boolean {
  return Number(first?.at(-1)) - Number(second?.at(-1)) < TIE;
}

function samplesOf({ folder, graph, meta }: Case): { sample: Sample; path: string }[] {
  return meta.samples
    .filter((sample) => (sample.graph ?? "graph.pb") === graph)
    .map((sample) => {
      const own = join(zooData ?? "", folder, "samples", sample.image);
      return { sample, path: existsSync(own) ? own : join(images ?? "", sample.image) };
    });
}

async function classify(server: RunningServer, one: Case, picture: string): Promise<Answer> {
  const parts = { ...partsOf(one), image_file: readFileSync(picture), top_k: "100" };
  const { results } = (await post(server, "/infer?format=json", parts)) as { results: Answer[] };
  const [answer] = results;
  if (answer === undefined) throw new Error("no answer");
  return answer;
}

/** How the service says that it makes pixels for the model. */
async function inputOf(server: RunningServer, one: Case): Promise<InputSpec> {
  return ((await post(server, "/api/models/inspect", partsOf(one))) as { input: InputSpec }).input;
}

function partsOf({ folder, graph }: Case) {
  const dir = join(zooData ?? "", folder);
  return {
    model_file: readFileSync(join(dir, graph)),
    label_file: readFileSync(join(dir, "labels.txt")),
    ...NAMED[folder],
  };
}

async function post(server: RunningServer, route: string, parts: Parameters<typeof form>[0]): Promise<unknown> {
  const response = await fetch(`${server.url}${route}`, { method: "POST", body: form(parts) });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return JSON.parse(text);
}

/** The pixels that the service feeds, by the same WebAssembly function; their SHA-256 is compared with the answer's. */
function pixelsOf(image: Uint8Array, input: InputSpec) {
  const limits = { pixels_max: 50_000_000, side_pixels_max: 20_000 };
  const options = { top_k: 1, score_threshold: 0, picture: false, limits };
  return preprocess(image, JSON.stringify(input), JSON.stringify(options));
}

/** `(pixel - mean) / std` in the channel order and layout of the model's author, repeated where the batch is fixed. */
function tensorOf(pixels: Uint8Array, { input, preprocess: { size, mean, std, order, layout } }: Meta): Float32Array {
  const channels = order === "gray" ? 1 : 3;
  const batch = input.shape?.[0] ?? 1;
  const imageValues = size * size * channels;
  const tensor = new Float32Array(batch * imageValues);
  const at = (values: number | readonly number[], channel: number) =>
    typeof values === "number" ? values : (values[channel] ?? Number.NaN);
  for (let pixel = 0; pixel < size * size; pixel += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      const from = order === "bgr" ? channels - 1 - channel : channel;
      const to = layout.startsWith("NCHW") ? channel * size * size + pixel : pixel * channels + channel;
      const value = ((pixels[pixel * channels + from] ?? 0) - at(mean, channel)) / at(std, channel);
      for (let image = 0; image < batch; image += 1) tensor[image * imageValues + to] = value;
    }
  }
  return tensor;
}

async function runDirect(
  program: string,
  graph: string,
  { input, output, preprocess: { size, order, layout } }: Meta,
  tensors: readonly Float32Array[],
): Promise<number[][]> {
  const channels = order === "gray" ? 1 : 3;
  const inferred = layout.startsWith("flat") ? [1, size * size * channels] : [1, size, size, channels];
  const axes = input.shape?.map((axis, index) => axis ?? inferred[index] ?? 1) ?? inferred;
  const child = spawn(program, [LIBTENSORFLOW_DIR ?? "", graph, input.name, output.name, ...axes.map(String)], {
    // The files hold layers that only oneDNN computes, whatever kernels the service runs on.
    env: { ...process.env, TF_ENABLE_ONEDNN_OPTS: "1" },
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin.end(Buffer.concat(tensors.map((tensor) => Buffer.from(tensor.buffer))));
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const values = [...new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))];
  const perRun = values.length / tensors.length;
  const classCount = perRun / (input.shape?.[0] ?? 1);
  return tensors.map((_, run) => values.slice(run * perRun, run * perRun + classCount));
}

function softmax(scores: readonly number[]): number[] {
  const highest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
