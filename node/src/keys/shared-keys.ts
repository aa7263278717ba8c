/** API keys in a table of PostgreSQL that replicas share: a line for each, as the file of keys has it. */
import pg from "pg";
import { AppError, messageOf } from "../errors.js";
import { holderOf, type KeptKeys, type KeyEntry, parseKeys } from "./api-keys.js";

/** How errors name where they are. */
const PLACE = "the table api_keys";
/** Between the end of one look and the next. */
const LOOK_MS = 1000;
const CONNECT_MS_MAX = 3000;
const QUERY_MS_MAX = 5000;
const UNIQUE_VIOLATION = "23505";

/** Made by one at a time: two at once get in each other's way, `if not exists` or not. */
const TABLE = `select pg_advisory_xact_lock(hashtext('api_keys'));
  create table if not exists api_keys (name text primary key, line text not null)`;

/**
 * Reads the keys, and again every second. What cannot be read then is reported once, and the keys before it stay.
 * @throws AppError `engine_unavailable` where the database cannot be reached, `field_invalid` for a line that is wrong.
 */
export async function openSharedKeys(url: string, report: (error: unknown) => void): Promise<KeptKeys> {
  const pool = poolOf(url);
  let entries: KeyEntry[];
  try {
    await pool.query(TABLE);
    entries = await readKeys(pool);
  } catch (error) {
    await pool.end();
    throw asProblem(error);
  }
  let isAway = false;
  let isOver = false;
  let timer = setTimeout(look, LOOK_MS).unref();
  let looking = Promise.resolve();

  function look(): void {
    clearTimeout(timer);
    looking = looking.then(async () => {
      if (isOver) return;
      try {
        entries = await readKeys(pool);
        isAway = false;
      } catch (error) {
        if (!isAway) report(error);
        isAway = true;
      }
      clearTimeout(timer);
      timer = setTimeout(look, LOOK_MS).unref();
    });
  }

  return {
    get count() {
      return entries.length;
    },
    refresh: look,
    find: (key) => holderOf(entries, key),
    async close() {
      isOver = true;
      clearTimeout(timer);
      await looking;
      await pool.end();
    },
  };
}

/**
 * Adds the line of a new key.
 * @throws AppError `field_invalid` where a key of its name is there.
 */
export async function addSharedKey(url: string, line: string): Promise<void> {
  const [
    {
      holder: { name },
    } = { holder: { name: "" } },
  ] = parseKeys(line, PLACE);
  await withPool(url, async (pool) => {
    try {
      await pool.query("insert into api_keys (name, line) values ($1, $2)", [name, line]);
    } catch (error) {
      if (codeOf(error) !== UNIQUE_VIOLATION) throw error;
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
  const pool = poolOf(url);
  try {
    await pool.query(TABLE);
    return await work(pool);
  } catch (error) {
    throw asProblem(error);
  } finally {
    await pool.end();
  }
}

function poolOf(connectionString: string): pg.Pool {
  const options = { max: 1, connectionTimeoutMillis: CONNECT_MS_MAX, query_timeout: QUERY_MS_MAX };
  // A connection that is lost while nobody uses it is opened anew by the next look.
  return new pg.Pool({ connectionString, ...options }).on("error", () => {});
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

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
