/** The databases that a store may be in: one file of SQLite, or PostgreSQL. */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { CompiledQuery, DEFAULT_MIGRATION_TABLE, Kysely, Migrator, PostgresDialect, SqliteDialect } from "kysely";
import Sqlite from "libsql";
import pg from "pg";
import { openPool, QUERY_MS_MAX } from "../postgres.js";
import { MIGRATIONS, type Tables } from "./schema.js";

/** Where a store is. */
export interface Place {
  /** `postgres://…`; null for SQLite in `dir`. */
  readonly url: string | null;
  readonly dir: string;
}

const STORE_FILE = "feedback.sqlite";
const OWNER_ONLY = 0o700;
/** A store whose tables mean what this version cannot know. */
class LaterStore extends Error {
  constructor() {
    super("a later version of Menagerie made its tables; start that one, or name another FEEDBACK_DIR or DATABASE_URL");
  }
}

/** For a lock that another process holds. */
const LOCK_WAIT_MS = 1000;

/** Whether there is a store at a place; of PostgreSQL only its server knows. */
export function isThere({ url, dir }: Place): boolean {
  return url !== null || existsSync(join(dir, STORE_FILE));
}

/** Opens the store at a place with this version's tables. Rejects where that cannot be; nothing stays open then. */
export function openDatabase(place: Place): Promise<Kysely<Tables>> {
  return connected(place, async (database, migrator) => {
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) throw error;
    return database;
  });
}

/** Rejects where the store at a place, which is there, cannot be opened. Its tables stay as they are. */
export async function probeDatabase(place: Place): Promise<void> {
  await (await connected(place, async (database) => database)).destroy();
}

/** Rejects where a later version made the store at a place; what else is wrong with it is met when it is used. */
export async function refuseLaterStore(place: Place): Promise<void> {
  if (!isThere(place)) return;
  await probeDatabase(place).catch((error: unknown) => {
    if (error instanceof LaterStore) throw error;
  });
}

async function connected<T>(
  place: Place,
  use: (database: Kysely<Tables>, migrator: Migrator) => Promise<T>,
): Promise<T> {
  const database = new Kysely<Tables>({
    dialect: place.url === null ? await sqlite(place.dir) : postgres(place.url),
  });
  try {
    const migrator = new Migrator({ db: database, provider: { getMigrations: async () => ({ ...MIGRATIONS }) } });
    await refuseLater(database, migrator);
    return await use(database, migrator);
  } catch (error) {
    await database.destroy();
    throw error;
  }
}

async function refuseLater(database: Kysely<Tables>, migrator: Migrator): Promise<void> {
  const known = await migrator.getMigrations();
  if (known.every(({ executedAt }) => executedAt === undefined)) return;
  const done = await database
    .withTables<{ [DEFAULT_MIGRATION_TABLE]: { name: string } }>()
    .selectFrom(DEFAULT_MIGRATION_TABLE)
    .select("name")
    .execute();
  if (done.some(({ name }) => !(name in MIGRATIONS))) throw new LaterStore();
}

/**
 * With a write-ahead log that is given to the disk when it is full: what was written outlives the process at any moment,
 * and where the power fails the last of it is gone and the file is whole (sqlite.org/pragma.html#pragma_synchronous).
 */
async function sqlite(dir: string): Promise<SqliteDialect> {
  // It holds what clients sent: photos, and what they said of them.
  await mkdir(dir, { recursive: true, mode: OWNER_ONLY });
  const database = new Sqlite(join(dir, STORE_FILE), { timeout: LOCK_WAIT_MS });
  try {
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = NORMAL");
    // The room of what is removed is overwritten.
    database.pragma("secure_delete = ON");
  } catch (error) {
    database.close();
    throw error;
  }
  // SQLite ends a transaction itself where the disk is full; to end it again is an error, which would hide that one.
  const prepare = (text: string) =>
    database.prepare(text === "rollback" && !database.inTransaction ? "select 1" : text);
  return new SqliteDialect({ database: { prepare, close: () => database.close() } });
}

/** A commit is not waited for until it is on the disk; at most half a second of them is gone where the server dies. */
function postgres(url: string): PostgresDialect {
  const pool = openPool(url, {
    // Numbers of this store are below 2^53.
    types: {
      getTypeParser: (type, format) =>
        type === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(type, format),
    },
  });
  const settings = `set synchronous_commit = off; set statement_timeout = ${QUERY_MS_MAX}`;
  return new PostgresDialect({
    pool,
    onCreateConnection: async (connection) => {
      await connection.executeQuery(CompiledQuery.raw(settings));
    },
  });
}
