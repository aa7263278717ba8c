/** Downloads of large files, which go on where they broke off: in the same run, and in the next. */
import { createWriteStream, existsSync, rmSync, statSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** One after the other without a new byte. */
const TRIES_MAX = 5;
const PAUSE_MS = 500;
/** Without a byte; the connection is given up then. */
const SILENCE_MS_MAX = 30_000;
const PARTIAL_CONTENT = 206;
const RANGE_NOT_SATISFIABLE = 416;

/** The server's own word: to ask again would bring the same. */
class Refusal extends Error {}

/**
 * Downloads into a file. What is in it already, of a download that broke off, is not asked for again (RFC 9110, section
 * 14.2); whether it fits is for the caller to verify.
 * @param {string} address
 * @param {string} path
 * @param {{ note: (text: string) => void, pauseMs?: number, silenceMsMax?: number }} options `note` is told how far it is
 * @throws Error when the server refuses, or five tries in a row bring nothing; what came stays in the file
 */
export async function download(address, path, { note, pauseMs = PAUSE_MS, silenceMsMax = SILENCE_MS_MAX }) {
  let heldBefore = bytesOf(path);
  for (let tries = 1; ; tries++) {
    try {
      return await fetchRest(address, path, note, silenceMsMax);
    } catch (error) {
      const held = bytesOf(path);
      if (held > heldBefore) tries = 1;
      heldBefore = held;
      if (error instanceof Refusal || tries >= TRIES_MAX) throw error;
      note(`broken off after ${megabytes(held)} (${reasonOf(error)}); going on`);
      await sleep(pauseMs * tries);
    }
  }
}

/**
 * @param {string} address
 * @param {string} path
 * @param {(text: string) => void} note
 * @param {number} silenceMsMax
 */
async function fetchRest(address, path, note, silenceMsMax) {
  const held = bytesOf(path);
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error(`no byte in ${silenceMsMax / 1000} s`)), silenceMsMax);
  try {
    // No other encoding: bytes are counted, and of a file, not of its compressed form.
    const headers = { "accept-encoding": "identity", ...(held > 0 ? { range: `bytes=${held}-` } : {}) };
    const response = await fetch(address, { headers, signal: silence.signal });
    if (response.status === RANGE_NOT_SATISFIABLE) {
      await response.body?.cancel();
      // Nothing is left to come: it is whole. Or it is another file, which its hash tells.
      if (response.headers.get("content-range") === `bytes */${held}`) return;
      rmSync(path);
      throw new Error(`${address} has no byte ${held}: begun anew`);
    }
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      throw new Refusal(`${address} answered ${response.status}`);
    }
    const isRest = held > 0 && response.status === PARTIAL_CONTENT;
    let received = isRest ? held : 0;
    const total = received + Number(response.headers.get("content-length"));
    const body = Readable.fromWeb(/** @type {import("node:stream/web").ReadableStream} */ (response.body));
    body.on("data", (chunk) => {
      timer.refresh();
      received += chunk.length;
      if (total > received) note(`downloaded ${Math.floor((100 * received) / total)} % of ${megabytes(total)}`);
    });
    await pipeline(body, createWriteStream(path, { flags: isRest ? "a" : "w" }));
    if (received < total) throw new Error(`only ${received} of ${total} bytes came`);
  } finally {
    clearTimeout(timer);
  }
}

/** @param {string} path */
function bytesOf(path) {
  return existsSync(path) ? statSync(path).size : 0;
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${Math.round(bytes / 1e6)} MB`;
}

/**
 * `fetch` says why in its error's cause.
 * @param {unknown} error
 */
export function reasonOf(error) {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== "" ? error.cause.message : error.message;
}
