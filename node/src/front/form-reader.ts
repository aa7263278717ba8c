/** The parts of a form, as this service knows them, gathered to an upload. */

import type { Request, Response } from "express";
import { counted } from "../counted.js";
import { AppError } from "../errors.js";
import type { ImageReference, ImageSource } from "../ports.js";
import { visitOf } from "./enter.js";
import { FileCollector } from "./file-collector.js";
import { GraphCollector } from "./graph-collector.js";
import { checkName } from "./known-names.js";
import type { PartHead, PartKind, PartReader, TakeChunk } from "./multipart.js";
import type { TakeTurn } from "./reading-turns.js";
import { fieldsOf, referenceOf, referencesOf, tooLarge, type Upload, type UploadLimits } from "./upload.js";

export const FIELD_NAME_BYTES_MAX = 100;
/** Of a part whose bytes stand as they are (RFC 2045, section 6.2). */
const PLAIN_ENCODINGS = ["", "7bit", "8bit", "binary"];

interface FileField {
  readonly bytesMax: number;
  readonly countMax: number;
}

/** Files of a form: images, examples, a graph and its labels. */
export function filesMaxOf({ imagesPerRequestMax, examplesMax }: UploadLimits): number {
  return imagesPerRequestMax + examplesMax + 2;
}

export class FormReader implements PartReader {
  readonly #response: Response;
  readonly #limits: UploadLimits;
  readonly #names: readonly string[];
  readonly #files: Readonly<Record<string, FileField>>;
  readonly #fields: Map<string, string[]>;
  readonly #queryNames: Set<string>;
  readonly #counts = new Map<string, number>();
  readonly #images: (FileCollector | ImageReference)[] = [];
  readonly #examples: FileCollector[] = [];
  #graph: GraphCollector | null = null;
  #labels: FileCollector | null = null;
  #bodyBytes = 0;

  readonly #takeTurn: TakeTurn;

  /** `names` are those that the parts may have. */
  constructor(
    request: Request,
    response: Response,
    limits: UploadLimits,
    names: readonly string[],
    takeTurn: TakeTurn,
  ) {
    this.#takeTurn = takeTurn;
    this.#response = response;
    this.#limits = limits;
    this.#names = names;
    this.#files = {
      image_file: { bytesMax: limits.imageBytesMax, countMax: limits.imagesPerRequestMax },
      example_file: { bytesMax: limits.imageBytesMax, countMax: limits.examplesMax },
      model_file: { bytesMax: limits.graphBytesMax, countMax: 1 },
      label_file: { bytesMax: limits.labelsBytesMax, countMax: 1 },
    };
    this.#fields = fieldsOf(request);
    this.#queryNames = new Set(this.#fields.keys());
  }

  turn(bytes: number): Promise<void> | undefined {
    return this.#takeTurn(visitOf(this.#response), bytes);
  }

  bytes(count: number): void {
    visitOf(this.#response).charge(count);
    this.#bodyBytes += count;
    if (this.#bodyBytes > this.#limits.requestBytesMax) throw tooLarge("The request", this.#limits.requestBytesMax);
  }

  kind({ field, isNamed, isFormData, encoding }: PartHead): PartKind {
    if (!isFormData) {
      throw new AppError("field_invalid", 'A part of the form lacks "Content-Disposition: form-data" with its name.');
    }
    const known = this.#names.includes(field);
    // What comes with the name of a file is meant for one of the files.
    if (!known) checkName("field", field, isNamed ? this.#names.filter((name) => this.#limitOf(name)) : this.#names);
    // RFC 7578, section 4.7: nobody should send another one.
    if (!PLAIN_ENCODINGS.includes(encoding)) {
      const detail = `${field} comes in the Content-Transfer-Encoding ${JSON.stringify(encoding.slice(0, 40))}; send its bytes as they are.`;
      throw new AppError("field_invalid", detail);
    }
    return this.#limitOf(field) === undefined ? "text" : "file";
  }

  file(field: string, name: string): TakeChunk {
    const limit = this.#limitOf(field);
    if (limit === undefined) throw new AppError("field_invalid", `${JSON.stringify(field)} takes no file.`);
    const count = (this.#counts.get(field) ?? 0) + 1;
    this.#counts.set(field, count);
    if (count > limit.countMax) {
      throw new AppError(
        "field_invalid",
        `${field} came ${count} times; it may come ${counted(limit.countMax, "time")} at most.`,
      );
    }
    const collector = this.#collect(field, name);
    let bytes = 0;
    return (chunk) => {
      bytes += chunk.length;
      if (bytes > limit.bytesMax) throw tooLarge(field, limit.bytesMax);
      collector.add(chunk);
    };
  }

  field(name: string, value: string, cut: { readonly name: boolean; readonly value: boolean }): void {
    if (cut.value) throw tooLarge(`Field ${JSON.stringify(name)}`, this.#limits.fieldBytesMax);
    if (cut.name) throw tooLarge("The name of a field", FIELD_NAME_BYTES_MAX);
    // Nothing was chosen. Labels stand in the order of their photos, and an empty one in its place.
    if (value === "" && name !== "example_label") return;
    // A field of the form replaces one of the query string, and repeats one of the form.
    if (this.#queryNames.delete(name)) this.#fields.delete(name);
    this.#fields.set(name, [...(this.#fields.get(name) ?? []), value]);
    const reference = referenceOf(name, value);
    if (reference !== undefined) this.#images.push(reference);
  }

  tooMany(what: "files" | "fields"): void {
    const { fieldsPerRequestMax } = this.#limits;
    const most =
      what === "files" ? counted(filesMaxOf(this.#limits), "file") : counted(fieldsPerRequestMax, "text field");
    throw new AppError("upload_too_large", `The form has more than ${most}.`);
  }

  upload(): Upload {
    const images = this.#images.flatMap((image): ImageSource | ImageSource[] =>
      image instanceof FileCollector ? (image.file() ?? []) : image,
    );
    return {
      images: [...images, ...referencesOf(this.#fields, this.#queryNames)],
      examples: this.#examples.flatMap((example) => example.file() ?? []),
      graph: this.#graph?.graph() ?? null,
      labels: this.#labels?.file() ?? null,
      fields: this.#fields,
    };
  }

  #limitOf(field: string): FileField | undefined {
    return Object.hasOwn(this.#files, field) ? this.#files[field] : undefined;
  }

  #collect(field: string, name: string): FileCollector | GraphCollector {
    if (field === "model_file") {
      this.#graph = new GraphCollector(name);
      return this.#graph;
    }
    const collector = new FileCollector(name, field === "label_file", this.#files[field]?.bytesMax ?? 0);
    if (field === "image_file") this.#images.push(collector);
    else if (field === "example_file") this.#examples.push(collector);
    else this.#labels = collector;
    return collector;
  }
}
