/** What came with a request, and the limits of it. */
import type { Request, Response } from "express";
import { AppError } from "../errors.js";
import type { ImageReference, ImageSource, UploadedFile, UploadedGraph } from "../ports.js";
import type { PaceLimits } from "./keep-pace.js";

export interface UploadLimits extends PaceLimits {
  readonly imageBytesMax: number;
  readonly imagesPerRequestMax: number;
  readonly examplesMax: number;
  readonly graphBytesMax: number;
  readonly labelsBytesMax: number;
  readonly requestBytesMax: number;
  readonly fieldBytesMax: number;
  readonly fieldsPerRequestMax: number;
}

/** What came with a request. */
export interface Upload {
  /** In the order of the form. */
  readonly images: readonly ImageSource[];
  /** Photos whose labels are among the fields, in the order of the form. */
  readonly examples: readonly UploadedFile[];
  readonly graph: UploadedGraph | null;
  readonly labels: UploadedFile | null;
  /** Text fields of the form and of the query string; the form's come first. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
}

export function uploadOf(response: Response): Upload {
  return response.locals["upload"] as Upload;
}

/** Text fields of the query string. */
export function fieldsOf(request: Request): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  for (const [name, value] of Object.entries(request.query)) {
    const values = [value].flat().filter((text): text is string => typeof text === "string" && text !== "");
    if (values.length > 0) fields.set(name, values);
  }
  return fields;
}

/** Fields that say where an image is. */
const REFERENCES: Readonly<Record<string, (value: string) => ImageReference>> = {
  image_url: (url) => ({ url }),
  image_id: (id) => ({ id }),
  image_path: (path) => ({ path }),
};

/** Where an image is, as a field says it; undefined for other fields. */
export function referenceOf(field: string, value: string): ImageReference | undefined {
  return Object.hasOwn(REFERENCES, field) ? REFERENCES[field]?.(value) : undefined;
}

/** Those of some of the fields. */
export function referencesOf(fields: Upload["fields"], names: Iterable<string> = fields.keys()): ImageReference[] {
  return [...names].flatMap((name) => (fields.get(name) ?? []).flatMap((value) => referenceOf(name, value) ?? []));
}

export function tooLarge(what: string, bytesMax: number): AppError {
  return new AppError("upload_too_large", `${what} is larger than ${bytesMax} bytes.`);
}
