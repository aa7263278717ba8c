/** PostgreSQL as replicas share it: one connection for each purpose, tables made where they are missing. */
import pg from "pg";

const CONNECT_MS_MAX = 3000;
export const QUERY_MS_MAX = 5000;

/** One connection, which is opened when it is needed. */
export function openPool(url: string, more: pg.PoolConfig = {}): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: 1,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    query_timeout: QUERY_MS_MAX,
    ...more,
  });
  // A connection that is lost while nobody uses it is opened anew by whoever needs one.
  return pool.on("error", () => {});
}

/** A statement that makes a table. By one replica at a time: two at once get in each other's way, `if not exists` or not. */
export function making(name: string, columns: string, kind: "" | "unlogged" = ""): string {
  return `select pg_advisory_xact_lock(hashtext('${name}')); create ${kind} table if not exists ${name} (${columns})`;
}
