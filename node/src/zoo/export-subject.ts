/** A model's folder, to be written for other programs. */
import { manifestConfidence, manifestOverrides } from "../models/manifest.js";
import type { ExportSubject } from "../ports.js";
import { openModel } from "./answers.js";

/** With the settings of its manifest. @throws AppError where a file is missing or not the manifest's. */
export async function exportSubjectOf(folder: string): Promise<ExportSubject> {
  const model = await openModel(folder);
  const { manifest } = model;
  const labelCount = manifest.output.classes;
  return {
    graph: [await model.readGraph()],
    request: {
      origin: "zoo",
      format: "auto",
      overrides: manifestOverrides(manifest),
      source: "manifest",
      ...(labelCount === undefined ? {} : { label_count: labelCount }),
      threads: 0,
    },
    labels: await model.readLabels(),
    labelOffset: manifest.labels?.offset ?? null,
    temperature: manifestConfidence(manifest)?.temperature ?? 1,
  };
}
