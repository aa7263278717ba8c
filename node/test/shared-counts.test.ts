/** Rates that replicas count together, on a real PostgreSQL. */
import pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PeerCounts } from "../src/ports.js";
import { openSharedCounts } from "../src/rates/shared-counts.js";
import { startPostgres } from "./support/postgres.mjs";

const WINDOW_MS = 60_000;
const SOON = { timeout: 20_000 };

const postgres = await startPostgres();
afterAll(() => postgres?.remove());

describe.skipIf(postgres === null)("counts of two replicas", () => {
  let url: string;
  let reports: unknown[];
  const open: PeerCounts[] = [];
  beforeEach(async () => {
    url = (await postgres?.newDatabase()) ?? "";
    reports = [];
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
  });

  function start(): PeerCounts {
    const counts = openSharedCounts({ url, report: (error) => void reports.push(error) });
    open.push(counts);
    return counts;
  }

  async function query(text: string): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return await client.query(text);
    } finally {
      await client.end();
    }
  }

  it("are known to both, by caller, and never by their names", async () => {
    const [first, second] = [start(), start()];
    first.tell("10.0.0.1", 7, WINDOW_MS);
    first.tell("10.0.0.2", 1, WINDOW_MS);
    second.tell("10.0.0.1", 2, WINDOW_MS);
    expect(second.others("10.0.0.1")).toBe(0);
    await expect.poll(() => second.others("10.0.0.1"), SOON).toBe(7);
    await expect.poll(() => first.others("10.0.0.1"), SOON).toBe(2);
    expect(first.others("10.0.0.2")).toBe(0);
    expect(second.others("10.0.0.2")).toBe(0);
    first.tell("10.0.0.1", 8, WINDOW_MS);
    await expect.poll(() => second.others("10.0.0.1"), SOON).toBe(8);
    expect(reports).toEqual([]);
    expect(JSON.stringify((await query("select * from request_counts")).rows)).not.toContain("10.0.0");
  });

  it("end with their window", async () => {
    const [first, second] = [start(), start()];
    second.tell("one", 1, WINDOW_MS);
    first.tell("one", 5, 3000);
    await expect.poll(() => second.others("one"), SOON).toBe(5);
    await expect.poll(() => second.others("one"), SOON).toBe(0);
  });

  it("are each one's own while the database is away, which is said once, and shared when it is back", async () => {
    const [first, second] = [start(), start()];
    await postgres?.stop();
    first.tell("one", 4, WINDOW_MS);
    second.tell("one", 1, WINDOW_MS);
    await expect.poll(() => reports, SOON).toHaveLength(2);
    expect(second.others("one")).toBe(0);
    await postgres?.start();
    await expect.poll(() => second.others("one"), SOON).toBe(4);
    expect(reports.filter((error) => error !== null)).toHaveLength(2);
  });
});
