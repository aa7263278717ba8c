/**
 * Fetches the files of a listed model into its folder of the zoo. What is fetched is verified where the manifest knows
 * its size and SHA-256, and lies under its name only when it is whole.
 */
import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError } from "../errors.js";
import type { Manifest } from "../generated/contract.js";
import { sha256 } from "../sha256.js";
import { writeDurably } from "./durable-file.js";

/** Most bytes that a file may have. */
export interface FetchLimits {
  readonly graphBytesMax: number;
  readonly labelsBytesMax: number;
}

/**
 * Fetches graph and labels into `dir/<id>/` and answers the SHA-256 of both, by file name.
 * @throws AppError `url_unreachable` when an address does not answer with the archive, `graph_invalid` when a file is not
 * what the manifest says, `field_invalid` when the manifest has no source.
 */
export async function fetchModel(manifest: Manifest, dir: string, limits: FetchLimits): Promise<Map<string, string>> {
  const { id, graph, labels, source } = manifest;
  if (source === undefined) throw new AppError("field_invalid", `The manifest of ${id} names no source.`);
  const files = [{ ...graph, url: source.url, member: source.member, bytesMax: limits.graphBytesMax }];
  if (labels !== undefined && source.labels_member !== undefined) {
    const url = source.labels_url ?? source.url;
    files.push({ ...labels, bytes: null, url, member: source.labels_member, bytesMax: limits.labelsBytesMax });
  }
  const fetched = new Map<string, Uint8Array>();
  const hashes = new Map<string, string>();
  for (const file of files) {
    const content = await memberOf(file.url, file.member, file.bytesMax);
    const hash = await sha256(content);
    if ((file.sha256 ?? hash) !== hash || (file.bytes ?? content.length) !== content.length) {
      const expected = [
        ...(file.bytes === null ? [] : [`${file.bytes} bytes`]),
        ...(file.sha256 === null ? [] : [`SHA-256 ${file.sha256}`]),
      ].join(" of ");
      throw new AppError(
        "graph_invalid",
        `${file.member} has ${content.length} bytes of SHA-256 ${hash}, not ${expected}.`,
      );
    }
    fetched.set(file.file, content);
    hashes.set(file.file, hash);
  }
  await mkdir(join(dir, id), { recursive: true });
  for (const [name, content] of fetched) await writeDurably(join(dir, id, name), content);
  return hashes;
}

/** One member of the gzipped tar archive at `url`, unpacked by the system's tar. */
async function memberOf(url: string, member: string, bytesMax: number): Promise<Uint8Array> {
  const response = await fetch(url).catch((error: unknown) => {
    throw new AppError("url_unreachable", `${url} does not answer.`, { cause: error });
  });
  if (!response.ok || response.body === null) {
    throw new AppError("url_unreachable", `${url} answers with status ${response.status}.`);
  }
  const tar = spawn("tar", ["-xzOf", "-", "--", `./${member}`, member], { stdio: ["pipe", "pipe", "ignore"] });
  const started = new Promise<void>((resolve, reject) => tar.once("spawn", resolve).once("error", reject));
  await started.catch((error: unknown) => {
    throw new AppError("engine_unavailable", "tar cannot be started; install it.", { cause: error });
  });
  // tar ends as soon as it is broken off; what it then leaves unread says nothing of the member.
  const sent = pipeline(Readable.fromWeb(response.body), tar.stdin).catch((error: unknown) => error);
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
  if (length === 0) {
    throw new AppError("url_unreachable", `There is no ${member} in the archive at ${url}.`, { cause: failure });
  }
  if (failure !== undefined) throw new AppError("url_unreachable", `${url} broke off.`, { cause: failure });
  return Buffer.concat(parts);
}
