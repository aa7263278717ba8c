/**
 * How many requests other replicas counted of a caller, by a table of PostgreSQL that all of them write to once a second. No
 * request waits for it: what others counted is as of the last exchange, and nothing where the database is away.
 *
 * Windows are each replica's own, and end in so many ms of the database's time: no clock is compared with another.
 */
import { createHash, randomUUID } from "node:crypto";
import { lookEachSecond } from "../look-each-second.js";
import type { PeerCounts } from "../ports.js";
import { making, openPool } from "../postgres.js";

export interface SharedCountsOptions {
  readonly url: string;
  /** Told when the database goes away (with why), and when it is back (null). */
  readonly report: (error: unknown) => void;
}

/** Callers of one exchange; the others count for themselves until they are fewer. */
const CALLERS_MAX = 10_000;
const EXCHANGES_PER_PURGE = 60;

/** Not logged ahead: what it holds is over in a minute. Names of callers may be addresses, so their hashes stand there. */
const TABLE = making(
  "request_counts",
  `caller text not null, replica text not null, hits integer not null, ends_at timestamptz not null,
  primary key (caller, replica)`,
  "unlogged",
);

const TELL = `insert into request_counts (caller, replica, hits, ends_at)
  select caller, $1, hits, now() + left_ms * interval '1 millisecond'
  from unnest($2::text[], $3::integer[], $4::integer[]) as told(caller, hits, left_ms)
  on conflict (caller, replica) do update set hits = excluded.hits, ends_at = excluded.ends_at`;

const HEAR = `select caller, sum(hits)::integer as hits, extract(epoch from max(ends_at) - now())::float8 * 1000 as left_ms
  from request_counts where replica <> $1 and ends_at > now() and caller = any($2::text[]) group by caller`;

const PURGE = "delete from request_counts where ends_at < now()";

interface Own {
  readonly hash: string;
  hits: number;
  /** By `performance.now()`. */
  endsAt: number;
  isTold: boolean;
}

interface Heard {
  readonly caller: string;
  readonly hits: number;
  readonly left_ms: number;
}

export function openSharedCounts({ url, report }: SharedCountsOptions): PeerCounts {
  const pool = openPool(url);
  const replica = randomUUID();
  const own = new Map<string, Own>();
  let others = new Map<string, { readonly hits: number; readonly endsAt: number }>();
  let exchanges = 0;
  let isMade = false;
  const looks = lookEachSecond(async () => {
    try {
      await exchange();
    } catch (error) {
      isMade = false;
      throw error;
    }
  }, report);

  /** Asks nothing of the database while nobody asks anything here. */
  async function exchange(): Promise<void> {
    const now = performance.now();
    for (const [caller, { endsAt }] of own) if (endsAt <= now) own.delete(caller);
    const live = [...own.values()].slice(0, CALLERS_MAX);
    if (live.length === 0) return;
    if (!isMade) await pool.query(TABLE);
    isMade = true;
    const news = live.filter(({ isTold }) => !isTold);
    for (const one of news) one.isTold = true;
    try {
      const columns = [
        news.map(({ hash }) => hash),
        news.map(({ hits }) => hits),
        news.map(({ endsAt }) => Math.ceil(endsAt - now)),
      ];
      if (news.length > 0) await pool.query(TELL, [replica, ...columns]);
    } catch (error) {
      for (const one of news) one.isTold = false;
      throw error;
    }
    const { rows } = await pool.query<Heard>(HEAR, [replica, live.map(({ hash }) => hash)]);
    const heardAt = performance.now();
    others = new Map(rows.map(({ caller, hits, left_ms }) => [caller, { hits, endsAt: heardAt + left_ms }]));
    exchanges += 1;
    if (exchanges % EXCHANGES_PER_PURGE === 0) await pool.query(PURGE);
  }

  return {
    tell(caller, hits, leftMs) {
      const known = own.get(caller);
      const hash = known?.hash ?? createHash("sha256").update(caller).digest("hex");
      own.set(caller, { hash, hits, endsAt: performance.now() + leftMs, isTold: false });
    },
    others(caller) {
      const heard = others.get(own.get(caller)?.hash ?? "");
      return heard !== undefined && heard.endsAt > performance.now() ? heard.hits : 0;
    },
    async close() {
      await looks.stop();
      await pool.end();
    },
  };
}
