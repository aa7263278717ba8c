/** A question as the fields of `POST /infer`: for the form that is sent, and for the commands that do the same. */
import { chosenModels, type OwnModel, own, type Photo, region } from "../state.js";
import { regionFields } from "./region.js";

export type Field = readonly [name: string, value: string | File];

/** The fields that say which model answers, and how it is fed. */
export function modelFields(mine: OwnModel | null = own.value): readonly Field[] {
  if (mine === null) return chosenModels.value.map((id) => ["model", id] as const);
  const graph: Field = mine.keptSha256 === null ? ["model_file", mine.graph] : ["model_sha256", mine.keptSha256];
  const labels: readonly Field[] = mine.labels === null ? [] : [["label_file", mine.labels]];
  return [graph, ...labels, ...exampleFields(mine), ...Object.entries(mine.settings)];
}

/** Photos with what they show. */
export function exampleFields({ examples }: Pick<OwnModel, "examples">): readonly Field[] {
  return examples.flatMap(({ photo, label }): readonly Field[] => [
    ["example_file", photo],
    ["example_label", label],
  ]);
}

/** The photo, and the part of it that is asked about. */
export function imageFields(photo: Photo): readonly Field[] {
  const image: Field = photo.file === null ? ["image_url", photo.address] : ["image_file", photo.file];
  return [image, ...regionFields(region.value)];
}

export function questionFields(photo: Photo): readonly Field[] {
  return [...modelFields(), ...imageFields(photo)];
}

export function formOf(fields: readonly Field[]): FormData {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  return form;
}
