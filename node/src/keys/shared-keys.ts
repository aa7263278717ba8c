/** API keys in a table of PostgreSQL that replicas share: a line for each, as the file of keys has it. */
import type pg from "pg";
import { AppError, isSystemError, messageOf } from "../errors.js";
import { lookEachSecond } from "../look-each-second.js";
import { making, openPool } from "../postgres.js";
import { holderOf, type KeptKeys, type KeyEntry, type NewKey, parseKeys } from "./api-keys.js";

/** How errors name where they are. */
const PLACE = "the table api_keys";
const UNIQUE_VIOLATION = "23505";
const TABLE = making("api_keys", "name text primary key, line text not null");

/**
 * Reads the keys, and again every second. What cannot be read then is reported once, and the keys before it stay.
 * @throws AppError `engine_unavailable` where the database cannot be reached, `field_invalid` for a line that is wrong.
 */
export async function openSharedKeys(url: string, report: (error: unknown) => void): Promise<KeptKeys> {
  const pool = openPool(url);
  let entries: KeyEntry[];
  try {
    await pool.query(TABLE);
    entries = await readKeys(pool);
  } catch (error) {
    await pool.end();
    throw asProblem(error);
  }
  const looks = lookEachSecond(
    async () => {
      entries = await readKeys(pool);
    },
    (error) => {
      if (error !== null) report(error);
    },
  );

  return {
    get count() {
      return entries.length;
    },
    refresh: looks.now,
    find: (key) => holderOf(entries, key),
    async close() {
      await looks.stop();
      await pool.end();
    },
  };
}

/**
 * Adds a new key.
 * @throws AppError `field_invalid` where a key of its name is there.
 */
export async function addSharedKey(url: string, { name, line }: NewKey): Promise<void> {
  await withPool(url, async (pool) => {
    try {
      await pool.query("insert into api_keys (name, line) values ($1, $2)", [name, line]);
    } catch (error) {
      if (!isSystemError(error, UNIQUE_VIOLATION)) throw error;
      throw new AppError(
        "field_invalid",
        `A key of the name ${name} is there already; remove it first, or name another.`,
      );
    }
  });
}

/** Resolves with whether there was one. */
export async function removeSharedKey(url: string, name: string): Promise<boolean> {
  return await withPool(url, async (pool) => {
    const { rowCount } = await pool.query("delete from api_keys where name = $1", [name]);
    return rowCount === 1;
  });
}

async function withPool<T>(url: string, work: (pool: pg.Pool) => Promise<T>): Promise<T> {
  const pool = openPool(url);
  try {
    await pool.query(TABLE);
    return await work(pool);
  } catch (error) {
    throw asProblem(error);
  } finally {
    await pool.end();
  }
}

async function readKeys(pool: pg.Pool): Promise<KeyEntry[]> {
  const { rows } = await pool.query<{ line: string }>("select line from api_keys order by name");
  return parseKeys(rows.map(({ line }) => line).join("\n"), PLACE);
}

function asProblem(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const detail = `The keys in PostgreSQL cannot be used: ${messageOf(error)}.`;
  return new AppError("engine_unavailable", detail, { cause: error });
}
