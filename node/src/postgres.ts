/** PostgreSQL as replicas share it: one connection for each purpose, tables made where they are missing, a look each second. */
import pg from "pg";

const CONNECT_MS_MAX = 3000;
export const QUERY_MS_MAX = 5000;
/** Between the end of one look and the next. */
const LOOK_MS = 1000;

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

export interface Looks {
  /** Looks soon, whatever the time. */
  now(): void;
  /** Resolves once no look is under way, and none will be. */
  stop(): Promise<void>;
}

/** Looks each second from now on, one after the other. `report` hears when looks begin to fail, with why, and null when they do no longer. */
export function lookEachSecond(look: () => Promise<void>, report: (error: unknown) => void): Looks {
  let isAway = false;
  let isOver = false;
  let timer = setTimeout(now, LOOK_MS).unref();
  let looking = Promise.resolve();

  function now(): void {
    clearTimeout(timer);
    looking = looking.then(async () => {
      if (isOver) return;
      try {
        await look();
        if (isAway) report(null);
        isAway = false;
      } catch (error) {
        if (!isAway && !isOver) report(error);
        isAway = true;
      }
      clearTimeout(timer);
      if (!isOver) timer = setTimeout(now, LOOK_MS).unref();
    });
  }

  return {
    now,
    async stop() {
      isOver = true;
      clearTimeout(timer);
      await looking;
    },
  };
}
