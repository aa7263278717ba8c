/**
 * Labelled samples of real graphs decide what detection leaves open, with nothing named by request: three photos each, labelled
 * as the graph answers them when it is fed as its author does (meta.json).
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ModelSpec } from "../../src/generated/contract.js";
import { form } from "../support/fake-service.js";
import { sharedFolder } from "../support/paths.js";
import { serveColours } from "../support/server.js";

const EXAMPLES = 3;

/** What three samples tell of each graph, beside what it tells itself. */
const TOLD: Readonly<Record<string, Partial<ModelSpec["input"]>>> = {
  catdog_customvision: { channel_order: "BGR", mean: [0, 0, 0], std: [1, 1, 1], resize: "center-crop" },
  cifar10_samplenet_nchw: { channel_order: "BGR" },
  flowers5_keras_80: { channel_order: "RGB", mean: [0, 0, 0], std: [255, 255, 255] },
  handdrawnshapes4_gray32: { mean: [0], std: [255] },
  "imagenet_mobilenet_v1_0.50_224_quantized": { channel_order: "RGB", mean: [127.5, 127.5, 127.5] },
  "imagenet_mobilenet_v2_1.0_224": { channel_order: "RGB", mean: [127.5, 127.5, 127.5], resize: "stretch" },
  mnist_onnx_nchw_batch20: { mean: [0], std: [255] },
  mnist_softmax_noshape: { mean: [0], std: [255] },
  vehicles3_dwconv_64: { channel_order: "RGB", mean: [127.5, 127.5, 127.5], resize: "pad" },
  wordornot_logits_labels_placeholder: { channel_order: "RGB", mean: [0, 0, 0], std: [1, 1, 1] },
};

interface Sample {
  readonly image: string;
  readonly tf_top: readonly (readonly [string, number] | readonly [number, string, number])[];
}

const zooData = sharedFolder("zoo-data");

describe.skipIf(zooData === null)("three labelled samples", () => {
  const server = serveColours();

  it.each(Object.entries(TOLD))("tell how %s is fed", async (folder, told) => {
    const spec = await inspect(folder, labelled(folder));
    expect(spec.input).toMatchObject(told);
  });

  it("decide the same with a wrong label among five", async () => {
    const folder = "cifar10_samplenet_nchw";
    const five = labelled(folder, 5).map((one, place) => (place === 2 ? { ...one, label: "truck" } : one));
    expect((await inspect(folder, five)).input).toMatchObject({ channel_order: "BGR" });
  });

  it("say so where their labels fit nothing", async () => {
    const folder = "flowers5_keras_80";
    const swapped = labelled(folder).map(({ photo }, place, all) => ({
      photo,
      label: all[(place + 1) % all.length]?.label ?? "",
    }));
    const { input, warnings } = await inspect(folder, swapped);
    expect(input).toMatchObject({ channel_order: "RGB", mean: [0, 0, 0] });
    expect(warnings.find((warning) => warning.includes("fit no settings"))).toContain(`"${swapped[0]?.label}"`);
  });

  async function inspect(folder: string, examples: readonly { photo: Uint8Array; label: string }[]) {
    const dir = join(zooData ?? "", folder);
    const body = form({
      model_file: readFileSync(join(dir, "graph.pb")),
      label_file: readFileSync(join(dir, "labels.txt")),
      example_file: examples.map(({ photo }) => photo),
      example_label: examples.map(({ label }) => label),
    });
    const response = await fetch(`${server().url}/api/models/inspect`, { method: "POST", body });
    const json = (await response.json()) as ModelSpec;
    expect([response.status, json]).toEqual([200, json]);
    return json;
  }
});

/** The first samples of different labels, then further ones. */
function labelled(folder: string, count = EXAMPLES): { photo: Uint8Array; label: string }[] {
  const dir = join(zooData ?? "", folder);
  const { samples } = JSON.parse(readFileSync(join(dir, "meta.json"), "utf8")) as { samples: readonly Sample[] };
  const files = new Set(readdirSync(join(dir, "samples")));
  const there = samples
    .map(({ image, tf_top: [top] }) => ({
      name: basename(image),
      label: String(top?.length === 3 ? top[1] : top?.[0]),
    }))
    .filter(({ name }) => files.has(name));
  const isFirst = (one: { label: string }, place: number) =>
    there.findIndex(({ label }) => label === one.label) === place;
  const ordered = [...there.filter(isFirst), ...there.filter((one, place) => !isFirst(one, place))];
  return ordered.slice(0, count).map(({ name, label }) => ({ photo: readFileSync(join(dir, "samples", name)), label }));
}
