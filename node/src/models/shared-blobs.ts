/**
 * Registered models in a bucket that replicas share, with a local copy of what was read.
 *
 * `models.json` is the *index*: every entry, with the sizes of the blobs that it names. It is replaced only by who read
 * the one that is replaced (`Objects.replace`), so that no change overwrites another. Blobs are objects below `blobs/`,
 * named by their SHA-256; they are there before an index names them, and stay when none does any longer, since another
 * replica may be about to name them again. Nothing here asks for the time of another machine.
 */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { AppError } from "../errors.js";
import { sha256 } from "../sha256.js";
import { AwayError, type Blob, type Blobs, ConflictError, LaterError } from "./blobs.js";
import { folderBlobs } from "./folder-blobs.js";
import { keepsConditions, type Objects, type StoredObject } from "./objects.js";

export interface SharedBlobsOptions {
  readonly objects: Objects;
  /** Folder of copies: it belongs to this replica. */
  readonly cacheDir: string;
  /** Of one blob. */
  readonly blobBytesMax: number;
  /** Told of what is wrong with the copies, or with the bucket at the start. */
  readonly report: (error: unknown) => void;
}

export interface SharedBlobs extends Blobs {
  readonly refresh: () => Promise<readonly string[]>;
  /** Ms since the bucket last said what it holds; null where it did not since the start. */
  sinceHeardMs(): number | null;
  close(): void;
}

const SCHEMA = 1;
const INDEX_KEY = "models.json";
/** The index as it was last read, with its bucket and its ETag. */
const INDEX_COPY = "index.json";
const CONTENT_NAME = /^([0-9a-f]{64})\.(?:graph|labels)$/;

/** For the first look: what is copied serves where the bucket takes longer. */
const START_MS_MAX = 2000;
const INDEX_MS_MAX = 10_000;
/** 10,000 versions, each with some 6 kB of manifest. */
const INDEX_BYTES_MAX = 64 * 1024 * 1024;
const BLOB_MS_MAX = 60_000;

const INDEX = z.strictObject({
  schema: z.literal(SCHEMA),
  /** Another one for each change. */
  revision: z.string(),
  entries: z.record(
    z.string(),
    z.strictObject({ revision: z.string(), entry: z.unknown(), blobs: z.record(z.string(), z.number()) }),
  ),
});
const COPY = z.strictObject({ place: z.string(), etag: z.string(), index: INDEX });

type Index = z.infer<typeof INDEX>;

interface Known {
  /** Null where the bucket has no index. */
  readonly etag: string | null;
  readonly entries: Index["entries"];
}

const NOTHING: Known = { etag: null, entries: {} };

/**
 * Begins with what the bucket says, or with what was last known of it where that takes long.
 * @throws LaterError
 */
export async function openSharedBlobs(options: SharedBlobsOptions): Promise<SharedBlobs> {
  const { objects, cacheDir, blobBytesMax, report } = options;
  const cache = folderBlobs(cacheDir);
  let known = await readCopy();
  let heardAt: number | null = null;
  /** Of blobs that were put, are not named yet, and were not deleted. */
  const sizes = new Map<string, number>();
  const downloads = new Map<string, Promise<Uint8Array | null>>();
  let keepsAll = false;

  async function readCopy(): Promise<Known> {
    try {
      const copy = await cache.get(INDEX_COPY);
      if (copy === null) return NOTHING;
      const { place, etag, index } = COPY.parse(JSON.parse(Buffer.from(copy).toString("utf8")));
      return place === objects.place ? { etag, entries: index.entries } : NOTHING;
    } catch (error) {
      report(error);
      return NOTHING;
    }
  }

  /** A copy that cannot be written is missed at the next start, or read again from the bucket. */
  async function copy(name: string, content: Uint8Array): Promise<void> {
    await cache.put(name, content).catch(report);
  }

  async function take(etag: string, index: Index): Promise<void> {
    known = { etag, entries: index.entries };
    await copy(INDEX_COPY, Buffer.from(JSON.stringify({ place: objects.place, etag, index })));
  }

  async function look(msMax: number): Promise<readonly string[]> {
    const found = await objects.get(INDEX_KEY, msMax, INDEX_BYTES_MAX, known.etag);
    const before = known.entries;
    // No replica deletes it: a bucket that was emptied, or restored from before it, is no word that all models are gone.
    if (found === null && known.etag !== null) throw new AwayError(`has lost its index: ${INDEX_KEY}`);
    if (found !== null && found !== "same") {
      await take(found.etag, indexOf(found));
    }
    heardAt = performance.now();
    const names = new Set([...Object.keys(before), ...Object.keys(known.entries)]);
    return [...names].filter((name) => before[name]?.revision !== known.entries[name]?.revision);
  }

  /** Where the store overwrites what another replica wrote, changes would be lost without a word. @throws AwayError */
  async function refuseWithoutConditions(): Promise<void> {
    if (keepsAll) return;
    keepsAll = await keepsConditions(objects);
    if (!keepsAll)
      throw new AwayError("does not keep the conditions of writes, so that replicas would undo each other's changes");
  }

  async function replaceIndex(index: Index): Promise<string> {
    await refuseWithoutConditions();
    const bytes = Buffer.from(JSON.stringify(index));
    if (bytes.length > INDEX_BYTES_MAX)
      throw new AppError(
        "storage_full",
        `What is said of all registered models would take more than ${INDEX_BYTES_MAX} bytes; remove some of them.`,
      );
    let failure: unknown = new ConflictError("another replica changed a model at the same time");
    try {
      const etag = await objects.replace(INDEX_KEY, bytes, known.etag, INDEX_MS_MAX);
      if (etag !== null) return etag;
    } catch (error) {
      failure = error;
    }
    // The answer may have been lost, and the client have tried again.
    const now = await objects.get(INDEX_KEY, INDEX_MS_MAX, INDEX_BYTES_MAX).catch(() => null);
    if (now !== null && now !== "same" && indexOf(now).revision === index.revision) return now.etag;
    throw failure;
  }

  /** Bytes that are not what they are named are given as they are, and not kept: who reads them refuses them. */
  async function download(name: string, expected: string): Promise<Uint8Array | null> {
    const bytesMax = Math.min(namedNow().get(name) || blobBytesMax, blobBytesMax);
    const found = await objects.get(keyOf(name), BLOB_MS_MAX, bytesMax);
    if (found === null || found === "same") return null;
    if ((await sha256(found.bytes)) === expected) await copy(name, found.bytes);
    return found.bytes;
  }

  async function getContent(name: string, expected: string): Promise<Uint8Array | null> {
    const copied = await cache.get(name).catch(() => null);
    if (copied !== null && (await sha256(copied)) === expected) return copied;
    const under = downloads.get(name);
    if (under !== undefined) return await under;
    const begun = download(name, expected).finally(() => downloads.delete(name));
    downloads.set(name, begun);
    return await begun;
  }

  async function refresh(): Promise<readonly string[]> {
    try {
      return await look(INDEX_MS_MAX);
    } catch (error) {
      throw error instanceof LaterError ? new AwayError("was changed by a later version", error) : error;
    }
  }

  const namedNow = () => new Map(Object.values(known.entries).flatMap(({ blobs }) => Object.entries(blobs)));

  try {
    await look(START_MS_MAX);
  } catch (error) {
    if (error instanceof LaterError) throw error;
    report(error);
  }

  return {
    place: objects.place,
    refresh,
    sinceHeardMs: () => (heardAt === null ? null : performance.now() - heardAt),
    async get(name) {
      const [, expected] = CONTENT_NAME.exec(name) ?? [];
      if (expected !== undefined) return await getContent(name, expected);
      const found = known.entries[name];
      return found === undefined ? null : Buffer.from(JSON.stringify(found.entry));
    },
    sizeOf: async (name) => namedNow().get(name) ?? sizes.get(name) ?? null,
    async put(name, content) {
      if (sizes.has(name)) return;
      const [, expected = ""] = CONTENT_NAME.exec(name) ?? [];
      await objects.put(keyOf(name), content, expected, BLOB_MS_MAX);
      sizes.set(name, content.length);
      await copy(name, content);
    },
    async commit(name, entry, named) {
      const { [name]: _before, ...others } = known.entries;
      const all = namedNow();
      const blobs = Object.fromEntries(named.map((blob) => [blob, sizes.get(blob) ?? all.get(blob) ?? 0]));
      const changed = entry === null ? {} : { [name]: { revision: randomUUID(), entry: JSON.parse(entry), blobs } };
      const index: Index = { schema: SCHEMA, revision: randomUUID(), entries: { ...others, ...changed } };
      await take(await replaceIndex(index), index);
      for (const blob of named) sizes.delete(blob);
    },
    async list() {
      const entries = Object.entries(known.entries).map(([name, { entry }]) => ({
        name,
        bytes: Buffer.byteLength(JSON.stringify(entry)),
      }));
      return [...entries, ...[...namedNow()].map(([name, bytes]): Blob => ({ name, bytes }))];
    },
    async delete(name) {
      sizes.delete(name);
      if (!namedNow().has(name)) await cache.delete(name);
    },
    async deleteLeftovers() {
      await cache.deleteLeftovers();
      const named = namedNow();
      for (const { name } of await cache.list())
        if (CONTENT_NAME.test(name) && !named.has(name) && !sizes.has(name)) await cache.delete(name);
    },
    close: () => objects.close(),
  };

  function keyOf(name: string): string {
    return `blobs/${name}`;
  }

  /** @throws LaterError, or AwayError for an index that cannot be read. */
  function indexOf({ bytes }: StoredObject): Index {
    try {
      const json: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
      const { schema } = Object(json) as { schema?: unknown };
      if (typeof schema === "number" && schema > SCHEMA) {
        throw new LaterError(
          `a later version of Menagerie wrote ${objects.place}/${INDEX_KEY} (schema ${schema}; this one reads ${SCHEMA}); start that one, or name another MODELS_STORE`,
        );
      }
      return INDEX.parse(json);
    } catch (error) {
      if (error instanceof LaterError) throw error;
      throw new AwayError(`has an index that cannot be read: ${INDEX_KEY}`, error);
    }
  }
}
