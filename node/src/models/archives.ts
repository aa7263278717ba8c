/** Archives that are fetched, one file each, going on where an earlier try broke off. */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../errors.js";
import { sha256 } from "../sha256.js";
import { PART_SUFFIX } from "./durable-file.js";
import { sizeOf } from "./folder-blobs.js";

/** Tells how far a download is; `bytesTotal` is null where the server does not say. */
export type ReportProgress = (bytes: number, bytesTotal: number | null) => void;

/** What says that the bytes of a later answer go on from those of an earlier one (RFC 9110, 8.8). */
const VALIDATOR_SUFFIX = ".validator";
const PARTIAL_CONTENT = 206;
const RANGE_NOT_SATISFIABLE = 416;

/** Codes of system errors that a machine without a network gives. */
const OFFLINE = [
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "ECONNREFUSED",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
];

export interface ArchiveOptions {
  /** Folder for what is on its way. */
  readonly dir: string;
  /** Most bytes of an archive. */
  readonly bytesMax: number;
  readonly report: ReportProgress;
  /** Breaks it off. */
  readonly signal?: AbortSignal;
}

/**
 * The path of the archive at `url`, whole. What a broken connection leaves is gone on from by the next call.
 * @throws AppError `url_unreachable`, `graph_too_large`; the signal's reason.
 */
export async function fetchArchive(url: string, options: ArchiveOptions): Promise<string> {
  const { dir, bytesMax, report, signal } = options;
  await mkdir(dir, { recursive: true });
  const path = join(dir, (await sha256(Buffer.from(url))).slice(0, 16));
  if ((await sizeOf(path)) !== null) return path;
  const part = path + PART_SUFFIX;
  const validator = await readFile(path + VALIDATOR_SUFFIX, "utf8").catch(() => "");
  const kept = validator === "" ? 0 : ((await sizeOf(part)) ?? 0);
  const response = await request(url, kept > 0 ? { range: `bytes=${kept}-`, "if-range": validator } : {}, signal);
  if (response.status === RANGE_NOT_SATISFIABLE) {
    await removeArchive(path);
    return await fetchArchive(url, options);
  }
  if (!response.ok || response.body === null) {
    throw new AppError("url_unreachable", `${url} answers with status ${response.status}.`);
  }
  const from = response.status === PARTIAL_CONTENT ? kept : 0;
  const length = response.headers.get("content-length");
  const total = length === null ? null : from + Number(length);
  if ((total ?? 0) > bytesMax) throw tooLarge(url, bytesMax);
  await writeFile(path + VALIDATOR_SUFFIX, strongValidator(response.headers));
  const bytes = await save(response.body, part, from, (done) => {
    if (done > bytesMax) throw tooLarge(url, bytesMax);
    report(done, total);
  }).catch((error: unknown) => {
    signal?.throwIfAborted();
    if (error instanceof AppError) throw error;
    throw new AppError("url_unreachable", `${url} broke off. What came is kept: the same command goes on from there.`, {
      cause: error,
    });
  });
  if (total !== null && bytes !== total) {
    throw new AppError(
      "url_unreachable",
      `${url} broke off after ${bytes} of ${total} bytes. The same command goes on from there.`,
    );
  }
  await rename(part, path);
  await rm(path + VALIDATOR_SUFFIX, { force: true });
  return path;
}

/** Removes an archive, and what is left of an unfinished one. */
export async function removeArchive(path: string): Promise<void> {
  for (const suffix of ["", PART_SUFFIX, VALIDATOR_SUFFIX]) await rm(path + suffix, { force: true });
}

async function request(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<Response> {
  // Packed once is enough; and a range is one of the bytes that are sent.
  const init = { headers: { "accept-encoding": "identity", ...headers }, ...(signal && { signal }) };
  return await fetch(url, init).catch((error: unknown) => {
    signal?.throwIfAborted();
    const code = String(
      (error instanceof Error ? (error.cause as { code?: unknown } | undefined) : undefined)?.code ?? "",
    );
    const why = OFFLINE.includes(code)
      ? `cannot be reached (${code}): this machine seems to be off line, or behind a proxy`
      : "does not answer";
    throw new AppError(
      "url_unreachable",
      `${url} ${why}. Try again with a connection, or put the files into the model's folder by hand.`,
      { cause: error },
    );
  });
}

/** A weak one does not promise the same bytes. */
function strongValidator(headers: Headers): string {
  const etag = headers.get("etag") ?? "";
  return etag.startsWith("W/") ? "" : etag || (headers.get("last-modified") ?? "");
}

/** Writes what comes behind the first `from` bytes of a file, and answers how long that is then. */
async function save(
  body: ReadableStream<Uint8Array>,
  path: string,
  from: number,
  told: (bytes: number) => void,
): Promise<number> {
  const file = createWriteStream(path, { flags: from > 0 ? "r+" : "w", start: from });
  await once(file, "open");
  let bytes = from;
  try {
    for await (const chunk of body) {
      if (!file.write(chunk)) await once(file, "drain");
      bytes += chunk.length;
      told(bytes);
    }
  } finally {
    file.end();
    await once(file, "close");
  }
  return bytes;
}

function tooLarge(url: string, bytesMax: number): AppError {
  return new AppError("graph_too_large", `${url} has more than ${bytesMax} bytes.`);
}
