/**
 * Reads a request's body into memory: a form with files, or one image as the raw body. Each file field has its own limit,
 * and the body has one; each is enforced while the bytes stream in, and they are counted as they come.
 */
import { createHash } from "node:crypto";
import type { Request, RequestHandler, Response } from "express";
import { AppError, messageOf } from "../errors.js";
import { ChunkJoiner } from "../join-chunks.js";
import type { ImageSource, UploadedFile, UploadedGraph } from "../ports.js";
import { visitOf } from "./enter.js";
import { GraphCollector } from "./graph-collector.js";
import { keepPace, type PaceLimits } from "./keep-pace.js";
import { createPartsReader, type PartReader, type ReadParts, type TakeChunk } from "./multipart.js";

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

const FIELD_NAME_BYTES_MAX = 100;
const RAW_TYPES = ["image/*", "application/octet-stream"];

export function readUpload(limits: UploadLimits): RequestHandler {
  const readParts = createPartsReader({
    filesMax: limits.imagesPerRequestMax + 2,
    fieldsMax: limits.fieldsPerRequestMax,
    fieldBytesMax: limits.fieldBytesMax,
    fieldNameBytesMax: FIELD_NAME_BYTES_MAX,
    fileBytesMax: limits.requestBytesMax,
  });

  return async (request, response, next) => {
    if (Number(request.headers["content-length"] ?? 0) > limits.requestBytesMax) {
      throw tooLarge("The request", limits.requestBytesMax);
    }
    keepPace(request, response, limits);
    const upload = await read(request, response, limits, readParts);
    const { length } = upload.images;
    const { imagesPerRequestMax } = limits;
    if (length > imagesPerRequestMax) {
      throw new AppError(
        "field_invalid",
        `The request names ${length} images; at most ${imagesPerRequestMax} are taken.`,
      );
    }
    response.locals["upload"] = upload;
    next();
  };
}

export function uploadOf(response: Response): Upload {
  return response.locals["upload"] as Upload;
}

async function read(request: Request, response: Response, limits: UploadLimits, readParts: ReadParts): Promise<Upload> {
  if (request.is("multipart/form-data")) {
    const form = new FormReader(request, response, limits);
    try {
      await readParts(request, response, form);
    } catch (error) {
      throw error instanceof AppError ? error : unreadable(error);
    }
    return form.upload();
  }
  const fields = fieldsOf(request);
  const files = request.is(RAW_TYPES) ? [await readRaw(request, response, limits)] : [];
  return { images: [...files, ...addressesOf(fields)], graph: null, labels: null, fields };
}

interface FileField {
  readonly bytesMax: number;
  readonly countMax: number;
}

/** The parts of a form, as this service knows them. */
class FormReader implements PartReader {
  readonly #response: Response;
  readonly #limits: UploadLimits;
  readonly #files: Readonly<Record<string, FileField>>;
  readonly #fields: Map<string, string[]>;
  readonly #queryNames: Set<string>;
  readonly #counts = new Map<string, number>();
  readonly #images: (FileCollector | { url: string })[] = [];
  #graph: GraphCollector | null = null;
  #labels: FileCollector | null = null;
  #bodyBytes = 0;

  constructor(request: Request, response: Response, limits: UploadLimits) {
    this.#response = response;
    this.#limits = limits;
    this.#files = {
      image_file: { bytesMax: limits.imageBytesMax, countMax: limits.imagesPerRequestMax },
      model_file: { bytesMax: limits.graphBytesMax, countMax: 1 },
      label_file: { bytesMax: limits.labelsBytesMax, countMax: 1 },
    };
    this.#fields = fieldsOf(request);
    this.#queryNames = new Set(this.#fields.keys());
  }

  bytes(count: number): void {
    visitOf(this.#response).charge(count);
    this.#bodyBytes += count;
    if (this.#bodyBytes > this.#limits.requestBytesMax) throw tooLarge("The request", this.#limits.requestBytesMax);
  }

  file(field: string, name: string): TakeChunk {
    const limit = Object.hasOwn(this.#files, field) ? this.#files[field] : undefined;
    if (limit === undefined) {
      const known = Object.keys(this.#files).join(", ");
      throw new AppError("field_invalid", `${JSON.stringify(field)} is no file field; there are: ${known}.`);
    }
    const count = (this.#counts.get(field) ?? 0) + 1;
    this.#counts.set(field, count);
    if (count > limit.countMax) {
      throw new AppError("field_invalid", `${field} came ${count} times; at most ${limit.countMax} are taken.`);
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
    if (value === "") return;
    // A field of the form replaces one of the query string, and repeats one of the form.
    if (this.#queryNames.delete(name)) this.#fields.delete(name);
    this.#fields.set(name, [...(this.#fields.get(name) ?? []), value]);
    if (name === "image_url") this.#images.push({ url: value });
  }

  tooMany(what: "files" | "fields"): void {
    const { imagesPerRequestMax, fieldsPerRequestMax } = this.#limits;
    const most = what === "files" ? `${imagesPerRequestMax + 2} files` : `${fieldsPerRequestMax} text fields`;
    throw new AppError("upload_too_large", `The form has more than ${most}.`);
  }

  upload(): Upload {
    const images = this.#images.flatMap((image): ImageSource | ImageSource[] =>
      "url" in image ? [image] : (image.file() ?? []),
    );
    const isFromQuery = !this.#images.some((image) => "url" in image);
    return {
      images: isFromQuery ? [...images, ...addressesOf(this.#fields)] : images,
      graph: this.#graph?.graph() ?? null,
      labels: this.#labels?.file() ?? null,
      fields: this.#fields,
    };
  }

  #collect(field: string, name: string): FileCollector | GraphCollector {
    if (field === "model_file") {
      this.#graph = new GraphCollector(name);
      return this.#graph;
    }
    const collector = new FileCollector(name, field === "label_file");
    if (field === "image_file") this.#images.push(collector);
    else this.#labels = collector;
    return collector;
  }
}

/** An image or a label file in the making. */
class FileCollector {
  readonly #name: string;
  readonly #isHashed: boolean;
  readonly #chunks: Buffer[] = [];

  constructor(name: string, isHashed: boolean) {
    this.#name = name;
    this.#isHashed = isHashed;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  /** Null for a part without a name and without bytes, as forms send one in which nothing was chosen. */
  file(): UploadedFile | null {
    const bytes = Buffer.concat(this.#chunks);
    if (this.#name === "" && bytes.length === 0) return null;
    const sha256 = this.#isHashed ? createHash("sha256").update(bytes).digest("hex") : "";
    return { name: this.#name, bytes, sha256 };
  }
}

async function readRaw(request: Request, response: Response, { imageBytesMax }: UploadLimits): Promise<UploadedFile> {
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") {
    throw new AppError(
      "field_invalid",
      `Content-Encoding ${JSON.stringify(encoding)} is not taken; send the image as it is.`,
    );
  }
  const visit = visitOf(response);
  const chunks: Buffer[] = [];
  const joiner = new ChunkJoiner(chunks);
  let bodyBytes = 0;
  await new Promise<void>((resolve, reject) => {
    const stop = (error: unknown) => {
      request.off("data", take);
      request.off("end", resolve);
      reject(error);
    };
    const take = (chunk: Buffer) => {
      bodyBytes += chunk.length;
      try {
        visit.charge(chunk.length);
        if (bodyBytes > imageBytesMax) throw tooLarge("The image", imageBytesMax);
        joiner.add(chunk);
      } catch (error) {
        stop(error);
      }
    };
    request.on("data", take);
    request.on("end", resolve);
    request.once("close", () => stop(new AppError("field_invalid", "The request ended before its body did.")));
  });
  joiner.finish();
  return { name: "", bytes: Buffer.concat(chunks, bodyBytes), sha256: "" };
}

function fieldsOf(request: Request): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  for (const [name, value] of Object.entries(request.query)) {
    const values = [value].flat().filter((text): text is string => typeof text === "string" && text !== "");
    if (values.length > 0) fields.set(name, values);
  }
  return fields;
}

function addressesOf(fields: Upload["fields"]): { url: string }[] {
  return (fields.get("image_url") ?? []).map((url) => ({ url }));
}

function tooLarge(what: string, bytesMax: number): AppError {
  return new AppError("upload_too_large", `${what} is larger than ${bytesMax} bytes.`);
}

function unreadable(error: unknown): AppError {
  return new AppError("field_invalid", `The form cannot be read: ${messageOf(error)}.`, { cause: error });
}
