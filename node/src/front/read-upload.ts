/**
 * Reads a request's body into memory: a form with files, or one image as the raw body.
 *
 * Each file field has its own limit, and the body and all bodies together have theirs; each is enforced while the bytes
 * stream in. express-fileupload has one limit for all files, so its parser is watched as the request is piped into it.
 * It joins the chunks of a file at its end, which for a graph takes as long as its last megabytes need to arrive: graphs
 * are kept by a `GraphCollector` in its place.
 */
import type { Readable, Writable } from "node:stream";
import type { NextFunction, Request, RequestHandler, Response } from "express";
import fileUpload from "express-fileupload";
import { AppError, messageOf } from "../errors.js";
import { ChunkJoiner, joinChunks } from "../join-chunks.js";
import type { UploadedFile, UploadedGraph } from "../ports.js";
import { GraphCollector } from "./graph-collector.js";
import type { HoldBytes } from "./hold-bytes.js";
import { keepPace, type PaceLimits } from "./keep-pace.js";

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

/** An image, or where it is. */
export type ImageSource = UploadedFile | { readonly url: string };

interface FileField {
  readonly bytesMax: number;
  readonly countMax: number;
}

/** A part of the form that is an image, or says where one is. */
type ImagePart = { isNamed: boolean; bytes: number } | { url: string };

const FIELD_NAME_BYTES_MAX = 100;
const RAW_TYPES = ["image/*", "application/octet-stream"];

export function readUpload(limits: UploadLimits, hold: HoldBytes): RequestHandler {
  const readForm = createFormReader(limits);

  return (request, response, next) => {
    const declared = Number(request.headers["content-length"] ?? limits.requestBytesMax);
    if (declared > limits.requestBytesMax) throw tooLarge("The request", limits.requestBytesMax);
    response.once("close", hold(declared));
    keepPace(request, response, limits);
    if (request.is("multipart/form-data")) readForm(request, response, next);
    else if (request.is(RAW_TYPES)) readRaw(request, response, next, limits);
    else keepBare(request, response, next, [], limits);
  };
}

export function uploadOf(response: Response): Upload {
  return response.locals["upload"] as Upload;
}

function keep(response: Response, next: NextFunction, upload: Upload, { imagesPerRequestMax }: UploadLimits): void {
  const { length } = upload.images;
  if (length > imagesPerRequestMax) {
    next(
      new AppError("field_invalid", `The request names ${length} images; at most ${imagesPerRequestMax} are taken.`),
    );
    return;
  }
  response.locals["upload"] = upload;
  next();
}

/** An upload whose fields are those of the query string. */
function keepBare(
  request: Request,
  response: Response,
  next: NextFunction,
  files: readonly UploadedFile[],
  limits: UploadLimits,
): void {
  const fields = fieldsOf(request);
  keep(response, next, { images: [...files, ...addressesOf(fields)], graph: null, labels: null, fields }, limits);
}

function createFormReader(limits: UploadLimits) {
  const files: Readonly<Record<string, FileField>> = {
    image_file: { bytesMax: limits.imageBytesMax, countMax: limits.imagesPerRequestMax },
    model_file: { bytesMax: limits.graphBytesMax, countMax: 1 },
    label_file: { bytesMax: limits.labelsBytesMax, countMax: 1 },
  };
  const parse = fileUpload({
    hashAlgorithm: "sha256",
    defParamCharset: "utf8",
    uploadTimeout: 0,
    limits: {
      fileSize: limits.requestBytesMax,
      files: limits.imagesPerRequestMax + 2,
      fields: limits.fieldsPerRequestMax,
      fieldSize: limits.fieldBytesMax,
      fieldNameSize: FIELD_NAME_BYTES_MAX,
    },
  });

  return (request: Request, response: Response, next: NextFunction): void => {
    const fields = fieldsOf(request);
    const queryNames = new Set(fields.keys());
    const seen = new Map<string, number>();
    const order: ImagePart[] = [];
    let graph: GraphCollector | null = null;
    let bodyBytes = 0;
    let settled = false;
    const settle = (error?: unknown) => {
      if (settled) return;
      settled = true;
      request.unpipe();
      if (error !== undefined) next(asAppError(error));
      else keep(response, next, collect(request, fields, order, graph), limits);
    };

    const watchFile = (field: string, file: Readable, { filename }: { filename?: string }) => {
      const limit = Object.hasOwn(files, field) ? files[field] : undefined;
      if (limit === undefined) {
        const detail = `${JSON.stringify(field)} is no file field; there are: ${Object.keys(files).join(", ")}.`;
        settle(new AppError("field_invalid", detail));
        return;
      }
      const count = (seen.get(field) ?? 0) + 1;
      seen.set(field, count);
      if (count > limit.countMax) {
        settle(new AppError("field_invalid", `${field} came ${count} times; at most ${limit.countMax} are taken.`));
        return;
      }
      const part = { isNamed: Boolean(filename), bytes: 0 };
      if (field === "image_file") order.push(part);
      if (field === "model_file") {
        graph = new GraphCollector();
        file.removeAllListeners("data");
      }
      file.on("data", (chunk: Buffer) => {
        part.bytes += chunk.length;
        bodyBytes += chunk.length;
        if (part.bytes > limit.bytesMax) settle(tooLarge(field, limit.bytesMax));
        else if (bodyBytes > limits.requestBytesMax) settle(tooLarge("The request", limits.requestBytesMax));
        else if (field === "model_file") graph?.add(chunk);
      });
    };
    const watchField = (name: string, value: string, info: { nameTruncated: boolean; valueTruncated: boolean }) => {
      if (info.valueTruncated) settle(tooLarge(`Field ${JSON.stringify(name)}`, limits.fieldBytesMax));
      else if (info.nameTruncated) settle(tooLarge("The name of a field", FIELD_NAME_BYTES_MAX));
      else if (value !== "") {
        addField(fields, queryNames, name, value);
        if (name === "image_url") order.push({ url: value });
      }
    };
    watchPipe(request, (parser) => {
      parser.on("file", watchFile);
      parser.on("field", watchField);
      for (const [event, what, countMax] of [
        ["filesLimit", "files", limits.imagesPerRequestMax + 2],
        ["fieldsLimit", "text fields", limits.fieldsPerRequestMax],
      ] as const) {
        parser.on(event, () => {
          settle(new AppError("upload_too_large", `The form has more than ${countMax} ${what}.`));
        });
      }
    });
    try {
      parse(request, response, settle);
    } catch (error) {
      settle(error);
    }
  };
}

/** Calls `watch` with the stream that the request is piped into, before the first byte. It gets small chunks joined. */
function watchPipe(request: Request, watch: (parser: Writable) => void): void {
  const pipe = request.pipe.bind(request);
  request.pipe = (destination, options) => {
    if (destination === undefined) return pipe(destination, options);
    watch(destination as unknown as Writable);
    pipe(joinChunks(), options).pipe(destination, options);
    return destination;
  };
}

function collect(
  request: Request,
  fields: Upload["fields"],
  order: readonly ImagePart[],
  graph: GraphCollector | null,
): Upload {
  const filesOf = (field: string): UploadedFile[] =>
    [request.files?.[field] ?? []].flat().map((file) => ({
      name: file.name,
      bytes: file.data,
      // The field is named after the parser's default; `hashAlgorithm` makes it a SHA-256.
      sha256: file.md5,
    }));
  const files = filesOf("image_file");
  const images = order.flatMap((part): ImageSource | ImageSource[] => {
    if ("url" in part) return [part];
    // The parser leaves out a file field in which nothing was chosen.
    return part.isNamed || part.bytes > 0 ? (files.shift() ?? []) : [];
  });
  const isFromQuery = !order.some((part) => "url" in part);
  return {
    images: isFromQuery ? [...images, ...addressesOf(fields)] : images,
    graph: graph?.graph(filesOf("model_file")[0]?.name) ?? null,
    labels: filesOf("label_file")[0] ?? null,
    fields,
  };
}

function readRaw(request: Request, response: Response, next: NextFunction, limits: UploadLimits): void {
  const bytesMax = limits.imageBytesMax;
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") {
    throw new AppError(
      "field_invalid",
      `Content-Encoding ${JSON.stringify(encoding)} is not taken; send the image as it is.`,
    );
  }
  const chunks: Buffer[] = [];
  const joiner = new ChunkJoiner(chunks);
  let bodyBytes = 0;
  const take = (chunk: Buffer) => {
    bodyBytes += chunk.length;
    if (bodyBytes <= bytesMax) {
      joiner.add(chunk);
      return;
    }
    request.off("data", take);
    request.off("end", finish);
    next(tooLarge("The image", bytesMax));
  };
  const finish = () => {
    joiner.finish();
    const image: UploadedFile = { name: "", bytes: Buffer.concat(chunks, bodyBytes), sha256: "" };
    keepBare(request, response, next, [image], limits);
  };
  request.on("data", take);
  request.on("end", finish);
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

/** A field of the form replaces one of the query string, and repeats one of the form. */
function addField(fields: Map<string, string[]>, queryNames: Set<string>, name: string, value: string): void {
  if (queryNames.delete(name)) fields.delete(name);
  fields.set(name, [...(fields.get(name) ?? []), value]);
}

function tooLarge(what: string, bytesMax: number): AppError {
  return new AppError("upload_too_large", `${what} is larger than ${bytesMax} bytes.`);
}

function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError("field_invalid", `The form cannot be read: ${messageOf(error)}.`, { cause: error });
}
