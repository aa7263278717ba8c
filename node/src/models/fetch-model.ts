/**
 * Fetches the files of a listed model into its folder of the zoo. What is fetched is verified by its size and SHA-256, and
 * lies under its name only when it is whole.
 */

import { spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { counted } from "../counted.js";
import { AppError } from "../errors.js";
import type { Manifest } from "../generated/contract.js";
import { sha256 } from "../sha256.js";
import { fetchArchive, type ReportProgress, removeArchive } from "./archives.js";
import { writeDurably } from "./durable-file.js";

/** Files that listed models share, such as labels, lie here in the zoo: the folder of the list's name. */
const LISTED_FOLDER = "imagenet";
/** What is on its way. */
const ARCHIVES_FOLDER = ".pull";
/** An archive may hold more than the graph: a checkpoint, other forms. */
const ARCHIVE_PER_GRAPH_BYTES = 4;

export interface FetchOptions {
  readonly graphBytesMax: number;
  readonly labelsBytesMax: number;
  /** Whether a file whose SHA-256 is not known is taken as it comes. */
  readonly trustOnFirstUse: boolean;
  readonly report: ReportProgress;
  /** Breaks it off; what came of an archive is kept for the next try. */
  readonly signal?: AbortSignal;
}

/** A file that was fetched. */
export interface FetchedFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Whether the manifest knew its SHA-256. */
  readonly verified: boolean;
}

interface Wanted {
  readonly file: string;
  readonly bytes: number | null;
  readonly sha256: string | null;
  readonly bytesMax: number;
  /** Null for a file that is kept beside the list. */
  readonly from: { readonly url: string; readonly member: string } | null;
}

/**
 * Fetches graph and labels into `dir/<id>/`.
 * @throws AppError `url_unreachable` when an address does not answer with the archive, `graph_invalid` when a file is not
 * what the manifest says, `field_invalid` when the manifest has no source, `forbidden` for a file whose SHA-256 is not known
 * and that is not to be trusted.
 */
export async function fetchModel(manifest: Manifest, dir: string, options: FetchOptions): Promise<FetchedFile[]> {
  const { id } = manifest;
  const wanted = filesOf(manifest, options);
  const unknown = wanted.filter((file) => file.sha256 === null).map(({ file }) => file);
  if (unknown.length > 0 && !options.trustOnFirstUse) {
    throw new AppError(
      "forbidden",
      `The SHA-256 of ${unknown.join(" and ")} of ${id} is not known, so what comes cannot be verified. --trust-on-first-use takes it as it comes and records its SHA-256.`,
    );
  }
  const archives = new Set<string>();
  const fetched = new Map<Wanted, Uint8Array>();
  for (const file of wanted) {
    const content =
      file.from === null
        ? await readShared(dir, file.file)
        : await memberOf(await archiveOf(file.from.url), file.from.member, file.bytesMax, options.signal);
    await verify(file, content);
    fetched.set(file, content);
  }
  options.signal?.throwIfAborted();
  await mkdir(join(dir, id), { recursive: true });
  for (const [{ file }, content] of fetched) await writeDurably(join(dir, id, file), content);
  for (const archive of archives) await removeArchive(archive);
  return await Promise.all(
    [...fetched].map(async ([{ file, sha256: known }, content]) => ({
      file,
      bytes: content.length,
      sha256: await sha256(content),
      verified: known !== null,
    })),
  );

  async function archiveOf(url: string): Promise<string> {
    const bytesMax = ARCHIVE_PER_GRAPH_BYTES * options.graphBytesMax;
    const { report, signal } = options;
    const place = { dir: join(dir, ARCHIVES_FOLDER), bytesMax, report, ...(signal && { signal }) };
    const path = await fetchArchive(url, place);
    archives.add(path);
    return path;
  }

  /** Another file than the manifest's is removed, so that the next try fetches it anew. */
  async function verify(file: Wanted, content: Uint8Array): Promise<void> {
    const hash = await sha256(content);
    if ((file.sha256 ?? hash) === hash && (file.bytes ?? content.length) === content.length) return;
    for (const archive of archives) await removeArchive(archive);
    const expected = [
      ...(file.bytes === null ? [] : [`${file.bytes} bytes`]),
      ...(file.sha256 === null ? [] : [`SHA-256 ${file.sha256}`]),
    ].join(" of ");
    const name = file.from?.member ?? file.file;
    throw new AppError(
      "graph_invalid",
      `${name} has ${counted(content.length, "byte")} of SHA-256 ${hash}, not ${expected}.`,
    );
  }
}

function filesOf({ id, graph, labels, source }: Manifest, { graphBytesMax, labelsBytesMax }: FetchOptions): Wanted[] {
  if (source === undefined) throw new AppError("field_invalid", `The manifest of ${id} names no source.`);
  const { url, member, labels_url, labels_member } = source;
  const files: Wanted[] = [{ ...graph, bytesMax: graphBytesMax, from: { url, member } }];
  if (labels === undefined) return files;
  const from = labels_member === undefined ? null : { url: labels_url ?? url, member: labels_member };
  return [...files, { ...labels, bytes: null, bytesMax: labelsBytesMax, from }];
}

/** A file that is kept beside the list. */
async function readShared(dir: string, file: string): Promise<Uint8Array> {
  const path = join(dir, LISTED_FOLDER, file);
  return await readFile(path).catch((error: unknown) => {
    throw new AppError("field_invalid", `${path} is missing: the manifest names no archive with these labels.`, {
      cause: error,
    });
  });
}

/** One member of a gzipped tar archive, unpacked by the system's tar. */
async function memberOf(archive: string, member: string, bytesMax: number, signal?: AbortSignal): Promise<Uint8Array> {
  const tar = spawn("tar", ["-xzOf", "-", "--", `./${member}`, member], {
    stdio: ["pipe", "pipe", "ignore"],
    ...(signal && { signal }),
  });
  const started = new Promise<void>((resolve, reject) => tar.once("spawn", resolve).once("error", reject));
  await started.catch((error: unknown) => {
    throw new AppError("engine_unavailable", "tar cannot be started; install it.", { cause: error });
  });
  // tar ends as soon as it is broken off; what it then leaves unread says nothing of the member.
  const sent = pipeline(createReadStream(archive), tar.stdin).catch((error: unknown) => error);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of tar.stdout as AsyncIterable<Uint8Array>) {
    parts.push(part);
    length += part.length;
    if (length > bytesMax) {
      tar.kill();
      throw new AppError("graph_too_large", `${member} has more than ${bytesMax} bytes.`);
    }
  }
  const failure = await sent;
  signal?.throwIfAborted();
  if (length === 0) {
    await removeArchive(archive);
    throw new AppError("url_unreachable", `There is no ${member} in the archive.`, { cause: failure });
  }
  return Buffer.concat(parts);
}
