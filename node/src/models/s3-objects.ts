/** Objects in an S3-compatible store. Conditional writes: docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html */
import { addAbortSignal, Readable } from "node:stream";
import { messageOf } from "../errors.js";
import { openS3, readBucketUrl } from "../s3.js";
import { AwayError } from "./blobs.js";
import type { Objects } from "./objects.js";

const NOT_MODIFIED = 304;
const NOT_FOUND = 404;
/** Another write of the same key was under way, or was there before. */
const CONFLICTS: readonly unknown[] = [409, 412];
/** @param url `s3://bucket` or `s3://bucket/prefix` */
export async function openS3Objects(url: string): Promise<Objects> {
  const { bucket, prefix } = readBucketUrl(url) ?? { bucket: "", prefix: "" };
  const keyOf = (key: string) => ({ Bucket: bucket, Key: prefix === "" ? key : `${prefix}/${key}` });
  const { client, commands } = await openS3();
  const { GetObjectCommand, PutObjectCommand } = commands;
  return {
    place: url,
    get: (key, msMax, bytesMax, etag = null) =>
      unlessAway(msMax, async (abortSignal) => {
        try {
          const asked = new GetObjectCommand({ ...keyOf(key), ...(etag === null ? {} : { IfNoneMatch: etag }) });
          const { Body, ETag } = await client.send(asked, { abortSignal });
          if (!(Body instanceof Readable) || ETag === undefined)
            throw new Error("it answers without a body or an ETag");
          // The client's own deadline ends with the headers.
          const bytes = await readAtMost(bytesMax, addAbortSignal(abortSignal, Body));
          if (bytes === null) throw new AwayError(`holds more under ${key} than the ${bytesMax} bytes that it may`);
          return { bytes, etag: ETag };
        } catch (error) {
          if (statusOf(error) === NOT_MODIFIED) return "same" as const;
          if (statusOf(error) === NOT_FOUND && nameOf(error) === "NoSuchKey") return null;
          throw error;
        }
      }),
    put: (key, bytes, sha256, msMax) =>
      unlessAway(msMax, async (abortSignal) => {
        const ChecksumSHA256 = Buffer.from(sha256, "hex").toString("base64");
        await client.send(new PutObjectCommand({ ...keyOf(key), Body: bytes, ChecksumSHA256 }), { abortSignal });
      }),
    replace: (key, bytes, etag, msMax) =>
      unlessAway(msMax, async (abortSignal) => {
        const condition = etag === null ? { IfNoneMatch: "*" } : { IfMatch: etag };
        try {
          const asked = new PutObjectCommand({ ...keyOf(key), Body: bytes, ...condition });
          const { ETag } = await client.send(asked, { abortSignal });
          if (ETag === undefined) throw new Error("it answers without an ETag");
          return ETag;
        } catch (error) {
          // What had this ETag may be gone altogether.
          const isGone = etag !== null && statusOf(error) === NOT_FOUND && nameOf(error) === "NoSuchKey";
          if (isGone || CONFLICTS.includes(statusOf(error))) return null;
          throw error;
        }
      }),
    close: () => client.destroy(),
  };
}

/** Null where there are more. */
async function readAtMost(bytesMax: number, body: Readable): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    // What is not read is not sent either: leaving the loop ends the stream.
    if (length > bytesMax) return null;
    chunks.push(chunk);
  }
  const { buffer, byteOffset } = Buffer.concat(chunks);
  return new Uint8Array(buffer, byteOffset, length);
}

async function unlessAway<T>(msMax: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await work(AbortSignal.timeout(msMax));
  } catch (error) {
    if (error instanceof AwayError) throw error;
    throw new AwayError(`cannot be used now (${whyOf(error, msMax)})`, error);
  }
}

/** What neither names the store's host nor its bucket: clients see it. */
function whyOf(error: unknown, msMax: number): string {
  if (nameOf(error) === "AbortError" || nameOf(error) === "TimeoutError") return `no answer within ${msMax} ms`;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : (nameOf(error) ?? messageOf(error));
}

function nameOf(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined;
}

function statusOf(error: unknown): unknown {
  if (!(error instanceof Error && "$metadata" in error)) return undefined;
  const { httpStatusCode } = Object(error.$metadata) as { httpStatusCode?: unknown };
  return httpStatusCode;
}
