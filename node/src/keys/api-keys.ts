/**
 * API keys: made here, kept as their SHA-256 in a file, or in a database that replicas share, found again in constant time.
 *
 * A key is 256 random bits, so nobody can guess it from its hash, and a slow hash or a salt, which passwords need, would
 * protect nothing and cost every request.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync, unwatchFile, watchFile } from "node:fs";
import { AppError, messageOf } from "../errors.js";
import { type ApiKeys, type KeyHolder, ROLES, type Role } from "../ports.js";

/** A new key: what its holder sends, and the line that knows it. */
export interface NewKey {
  readonly key: string;
  readonly name: string;
  readonly line: string;
}

/** Keys of a place that may change. */
export interface KeptKeys extends ApiKeys {
  /** Keys that it holds. */
  readonly count: number;
  /** Reads it now; as whenever it changes, what cannot be read is reported, and the keys before it stay. */
  refresh(): void;
  close(): Promise<void>;
}

/** By this prefix people and scanners of leaked secrets know what they look at. */
const KEY_PREFIX = "menagerie_";
const KEY_BYTES = 32;
const KEYS_MAX = 1000;
const CHECK_EVERY_MS = 2000;
const NAME = /^[A-Za-z0-9._@-]{1,64}$/;
const LINE = /^(?<role>\S+)\s+(?<hash>[0-9a-f]{64})\s+(?<name>\S+)$/;

/**
 * Makes a key; without a name it is called after its hash.
 * @throws AppError `field_invalid` for a role or a name that the file could not hold.
 */
export function createKey(role: string, name?: string): NewKey {
  const key = KEY_PREFIX + randomBytes(KEY_BYTES).toString("base64url");
  const hash = hashOf(key).toString("hex");
  const line = `${role} ${hash} ${name ?? `key-${hash.slice(0, 8)}`}`;
  return { key, line, name: parseLine(line).holder.name };
}

/**
 * Reads the file of keys, and again when it changes. A later version that cannot be read is reported, and the one before
 * it stays.
 * @throws AppError `field_invalid` that names the line which is wrong, or says why there is none.
 */
export function openApiKeys(path: string, report: (error: unknown) => void): KeptKeys {
  let entries = parseKeys(readText(path), path);
  const refresh = () => {
    try {
      entries = parseKeys(readText(path), path);
    } catch (error) {
      report(error);
    }
  };
  watchFile(path, { interval: CHECK_EVERY_MS, persistent: false }, refresh);
  return {
    get count() {
      return entries.length;
    },
    refresh,
    find: (key) => holderOf(entries, key),
    close: async () => unwatchFile(path, refresh),
  };
}

/** A key that is known. */
export interface KeyEntry {
  readonly hash: Buffer;
  readonly holder: KeyHolder;
}

export function holderOf(entries: readonly KeyEntry[], key: string): KeyHolder | undefined {
  const hash = hashOf(key);
  // Every entry is compared, so that the time says nothing about which one it is.
  const [found] = entries.filter((entry) => timingSafeEqual(entry.hash, hash));
  return found?.holder;
}

/**
 * The keys of a text, a line each; `place` is what errors name.
 * @throws AppError `field_invalid` that names the line which is wrong.
 */
export function parseKeys(content: string, place: string): KeyEntry[] {
  const lines = content.split("\n");
  const entries = lines.flatMap((text, index) => {
    const line = text.trim();
    if (line === "" || line.startsWith("#")) return [];
    try {
      return [parseLine(line)];
    } catch (error) {
      throw new AppError(
        "field_invalid",
        `${place}, line ${index + 1}: ${error instanceof Error ? error.message : ""}`,
      );
    }
  });
  if (entries.length > KEYS_MAX) {
    throw new AppError("field_invalid", `${place} holds ${entries.length} keys; at most ${KEYS_MAX} are taken.`);
  }
  const names = entries.map(({ holder }) => holder.name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new AppError("field_invalid", `${place} has two keys of the name ${twice}.`);
  return entries;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new AppError("field_invalid", `API_KEYS_FILE=${path} cannot be read: ${messageOf(error)}.`, { cause: error });
  }
}

/** The line itself is not quoted: somebody may have put the key there. */
function parseLine(line: string): KeyEntry {
  const { role, hash, name } = LINE.exec(line)?.groups ?? {};
  if (role === undefined || hash === undefined || name === undefined) {
    throw new AppError("field_invalid", "a line is `ROLE SHA256 NAME`; `menagerie key` makes one.");
  }
  if (!isRole(role)) throw new AppError("field_invalid", `the role must be one of ${ROLES.join(", ")}.`);
  if (!NAME.test(name)) {
    throw new AppError("field_invalid", "the name must be 1 to 64 letters, digits, dots, dashes, underscores or @.");
  }
  return { hash: Buffer.from(hash, "hex"), holder: { role, name } };
}

function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

function hashOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
