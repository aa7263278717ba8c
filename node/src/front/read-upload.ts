/**
 * Reads a request's body into memory: a form with files, or one image as the raw body. Each file field has its own limit,
 * and the body has one; each is enforced while the bytes stream in, and they are counted as they come.
 */
import type { Request, RequestHandler, Response } from "express";
import { AppError, messageOf } from "../errors.js";
import { takeDeadline, untilDeadline } from "./deadline.js";
import { FIELD_NAME_BYTES_MAX, FormReader, filesMaxOf } from "./form-reader.js";
import { createPartsReader, type ReadParts } from "./multipart.js";
import { beginBody, readRaw } from "./read-raw.js";
import type { TakeTurn } from "./reading-turns.js";
import { fieldsOf, referencesOf, type Upload, type UploadLimits } from "./upload.js";

const BOUNDARY = /;\s*boundary=("[^"]+"|[^\s;"]+)/i;
const RAW_TYPES = ["image/*", "application/octet-stream"];

/** Gives the middleware of each route, by the names that the parts of its form may have. */
export function createUploadReader(
  limits: UploadLimits,
  takeTurn: TakeTurn,
): (names: readonly string[]) => RequestHandler {
  const readParts = createPartsReader({
    filesMax: filesMaxOf(limits),
    fieldsMax: limits.fieldsPerRequestMax,
    fieldBytesMax: limits.fieldBytesMax,
    fieldNameBytesMax: FIELD_NAME_BYTES_MAX,
    fileBytesMax: limits.requestBytesMax,
  });

  return (names) => async (request, response, next) => {
    beginBody(request, response, limits);
    const reading = request.is("multipart/form-data")
      ? readForm(request, response, new FormReader(request, response, limits, names, takeTurn), readParts)
      : readBare(request, response, limits, takeTurn);
    const upload = await untilDeadline(request, response, reading);
    takeDeadline(response, upload.fields);
    const { length } = upload.images;
    const { imagesPerRequestMax } = limits;
    if (length > imagesPerRequestMax) {
      throw new AppError(
        "field_invalid",
        `The request names ${length} images; it may name ${imagesPerRequestMax} at most.`,
      );
    }
    response.locals["upload"] = upload;
    next();
  };
}

async function readForm(request: Request, response: Response, form: FormReader, readParts: ReadParts): Promise<Upload> {
  if (!BOUNDARY.test(request.headers["content-type"] ?? "")) {
    const how =
      "leave that header to what makes the form, such as curl -F, or fetch with a FormData: it names the boundary";
    throw new AppError("field_invalid", `The form's Content-Type names no boundary; ${how}.`);
  }
  try {
    await readParts(request, response, form);
  } catch (error) {
    throw error instanceof AppError ? error : unreadable(error);
  }
  return form.upload();
}

/** An upload whose fields are those of the query string. */
async function readBare(
  request: Request,
  response: Response,
  limits: UploadLimits,
  takeTurn: TakeTurn,
): Promise<Upload> {
  const fields = fieldsOf(request);
  const files = request.is(RAW_TYPES)
    ? [await readRaw(request, response, "The image", limits.imageBytesMax, takeTurn)]
    : [];
  return { images: [...files, ...referencesOf(fields)], examples: [], graph: null, labels: null, fields };
}

function unreadable(error: unknown): AppError {
  return new AppError("field_invalid", `The form cannot be read: ${messageOf(error)}.`, { cause: error });
}
