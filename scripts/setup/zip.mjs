/**
 * Reads single members out of a zip archive by its central directory: a wheel is a zip of thousands of files, of which
 * set-up wants two. Format: PKWARE APPNOTE 6.3.3, sections 4.3.7 (local header), 4.3.12 (central header) and 4.3.16
 * (end record). No zip64 and no encryption; the archive's checksum is the caller's to verify.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createInflateRaw } from "node:zlib";

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_RECORD = 0x06054b50;
const LOCAL_HEADER_BYTES = 30;
const CENTRAL_HEADER_BYTES = 46;
const END_RECORD_BYTES = 22;
const COMMENT_BYTES_MAX = 65_535;
const STORED = 0;
const DEFLATED = 8;

/** @typedef {{ name: string, method: number, packedBytes: number, bytes: number, offset: number }} Member */

/**
 * @param {string} path
 * @returns {Promise<Member[]>}
 */
export async function listMembers(path) {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const tail = await readAt(file, Math.max(0, size - END_RECORD_BYTES - COMMENT_BYTES_MAX), size);
    const end = lastSignature(tail);
    if (end === undefined) throw new Error(`${path} is no zip archive: it has no end record`);
    const count = tail.readUInt16LE(end + 10);
    const directoryBytes = tail.readUInt32LE(end + 12);
    const directoryOffset = tail.readUInt32LE(end + 16);
    return parseDirectory(path, await readAt(file, directoryOffset, directoryOffset + directoryBytes), count);
  } finally {
    await file.close();
  }
}

/**
 * Unpacks one member into a file, streaming.
 * @param {string} path
 * @param {Member} member
 * @param {string} target
 */
export async function unpackMember(path, member, target) {
  const file = await open(path);
  let start;
  try {
    const header = await readAt(file, member.offset, member.offset + LOCAL_HEADER_BYTES);
    if (header.length < LOCAL_HEADER_BYTES || header.readUInt32LE(0) !== LOCAL_HEADER) {
      throw new Error(`${path}: no local header for ${member.name}`);
    }
    start = member.offset + LOCAL_HEADER_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
  } finally {
    await file.close();
  }
  if (member.method !== STORED && member.method !== DEFLATED) {
    throw new Error(`${path}: ${member.name} is packed with method ${member.method}; only 0 and 8 are known`);
  }
  const chunkBytes = 1024 * 1024;
  await pipeline(
    createReadStream(path, { start, end: start + member.packedBytes - 1, highWaterMark: chunkBytes }),
    member.method === DEFLATED ? createInflateRaw({ chunkSize: chunkBytes }) : new PassThrough(),
    createWriteStream(target, { highWaterMark: chunkBytes }),
  );
  const { size } = await stat(target);
  if (size !== member.bytes) throw new Error(`${path}: ${member.name} unpacked to ${size} of ${member.bytes} bytes`);
}

/** @param {Buffer} tail */
function lastSignature(tail) {
  for (let at = tail.length - END_RECORD_BYTES; at >= 0; at--) {
    if (tail.readUInt32LE(at) === END_RECORD) return at;
  }
  return undefined;
}

/**
 * @param {string} path
 * @param {Buffer} directory
 * @param {number} count
 */
function parseDirectory(path, directory, count) {
  /** @type {Member[]} */
  const members = [];
  let at = 0;
  while (members.length < count) {
    if (at + CENTRAL_HEADER_BYTES > directory.length || directory.readUInt32LE(at) !== CENTRAL_HEADER) {
      throw new Error(`${path}: its directory ends after ${members.length} of ${count} members`);
    }
    const nameBytes = directory.readUInt16LE(at + 28);
    const name = directory.toString("utf8", at + CENTRAL_HEADER_BYTES, at + CENTRAL_HEADER_BYTES + nameBytes);
    members.push({
      name,
      method: directory.readUInt16LE(at + 10),
      packedBytes: directory.readUInt32LE(at + 20),
      bytes: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
    });
    at += CENTRAL_HEADER_BYTES + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return members;
}

/**
 * @param {import("node:fs/promises").FileHandle} file
 * @param {number} start
 * @param {number} end
 */
async function readAt(file, start, end) {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
  return buffer.subarray(0, bytesRead);
}
