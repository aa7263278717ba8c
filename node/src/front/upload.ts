/** What came with a request, and the limits of it. */
import type { Request, Response } from "express";
import { AppError } from "../errors.js";
import type { ImageSource, UploadedFile, UploadedGraph } from "../ports.js";
import type { PaceLimits } from "./keep-pace.js";

export interface UploadLimits extends PaceLimits {
  readonly imageBytesMax: number;
  readonly imagesPerRequestMax: number;
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

export function addressesOf(fields: Upload["fields"]): { url: string }[] {
  return (fields.get("image_url") ?? []).map((url) => ({ url }));
}

export function tooLarge(what: string, bytesMax: number): AppError {
  return new AppError("upload_too_large", `${what} is larger than ${bytesMax} bytes.`);
}
