/** The result of a job as a graph of the user's own: asked like one, before it is registered. */
import type { Manifest } from "../../../src/generated/contract.js";
import { readFile } from "../api.js";
import { jobPath } from "../api-teach.js";
import type { OwnModel } from "../state.js";

export async function readTaught(jobId: string, signal: AbortSignal): Promise<OwnModel> {
  const path = jobPath(jobId);
  const [graph, labels, manifest] = await Promise.all(
    ["graph.pb", "labels.txt", "manifest.json"].map((name) => readFile(`${path}/${name}`, signal)),
  );
  if (graph === undefined || labels === undefined || manifest === undefined) throw new Error("a file did not come");
  const { input } = JSON.parse(await manifest.text()) as Manifest;
  return {
    graph: new File([graph], "graph.pb"),
    labels: new File([labels], "labels.txt", { type: "text/plain" }),
    settings: settingsOf(input),
    examples: [],
    spec: null,
    keptSha256: null,
  };
}

/** What its manifest says of its input, as fields of `POST /infer`: the graph alone may not tell. */
function settingsOf(input: Manifest["input"]): Readonly<Record<string, string>> {
  const { mean, std, channel_order: order, resize, crop_fraction: crop, resize_filter: filter } = input;
  // A manifest has them in the order of the channels, the field as red, green, blue.
  const named = (values: readonly number[]) => (order === "BGR" ? values.toReversed() : values).join();
  const said: Readonly<Record<string, string | undefined>> = {
    normalization: mean && std && `mean=${named(mean)};std=${named(std)}`,
    channel_order: order,
    resize,
    crop_fraction: crop === undefined || crop === null ? undefined : String(crop),
    resize_filter: filter,
  };
  return Object.fromEntries(Object.entries(said).filter((one): one is [string, string] => one[1] !== undefined));
}
