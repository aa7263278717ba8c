/** Memory that is given back at rest, where there is some. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { collectGarbage, createRestCollector } from "../src/collect-garbage.js";
import { COLLECT_GARBAGE_FILE } from "./support/paths.js";

const MIB = 2 ** 20;

/** A service whose memory a test says, and what it did at rest. */
function resting(startMib: number) {
  const does: string[] = [];
  const service = { mib: startMib, does };
  const rest = createRestCollector({
    collect: () => does.push("collects"),
    trim: async () => {
      does.push("trims");
    },
    rssBytes: () => service.mib * MIB,
  });
  /** So many seconds of rest, from the first one on. */
  const rests = async (seconds: number) => {
    does.length = 0;
    for (let second = 1; second <= seconds; second += 1) {
      rest(second);
      await Promise.resolve();
    }
    return does;
  };
  /** As long as it wants to be told. */
  const restsForLong = async () => {
    does.length = 0;
    for (let second = 1; rest(second); second += 1) await Promise.resolve();
    await Promise.resolve();
    return does;
  };
  return { service, rests, restsForLong };
}

describe("a service at rest", () => {
  it("collects and trims where it has grown since it rested, and not again and again", async () => {
    const { service, rests, restsForLong } = resting(200);
    service.mib = 207;
    expect(await restsForLong()).toEqual([]);
    service.mib = 600;
    expect(await restsForLong()).toEqual(["collects", "trims", "collects", "trims"]);
    // What does not help is kept.
    expect(await restsForLong()).toEqual([]);
    service.mib = 610;
    expect(await rests(1)).toEqual(["collects"]);
  });

  it("does so whenever it has grown until it has rested for long enough", async () => {
    const { service, rests } = resting(200);
    service.mib = 600;
    expect(await rests(1)).toEqual(["collects"]);
    expect(await rests(1)).toEqual(["collects"]);
    service.mib = 300;
    expect(await rests(2)).toEqual(["collects", "trims"]);
    expect(await rests(1)).toEqual([]);
  });

  it("collects what has grown where more was given back before, by threads that rested later", async () => {
    const { service, rests } = resting(1000);
    service.mib = 300;
    expect(await rests(1)).toEqual([]);
    service.mib = 400;
    expect(await rests(1)).toEqual(["collects"]);
  });

  it("gives back what nothing refers to", () => {
    const before = process.memoryUsage().external;
    let large: Uint8Array | null = new Uint8Array(200 * MIB);
    expect(process.memoryUsage().external).toBeGreaterThan(before + large.length / 2);
    large = null;
    collectGarbage();
    expect(process.memoryUsage().external).toBeLessThan(before + 100 * MIB);
  });

  it.runIf(isGlibc())("gives the system back what buffers took between others that stay", async () => {
    // Each second one stays, so that no end of a heap becomes free.
    const program = `
      const { collectGarbage, trimMemory } = await import(${JSON.stringify(pathToFileURL(COLLECT_GARBAGE_FILE).href)});
      await trimMemory();
      const rss = () => Math.round(process.memoryUsage.rss() / ${MIB});
      const before = rss();
      const all = Array.from({ length: 4000 }, () => new Uint8Array(50_000).fill(1));
      const kept = all.filter((_, place) => place % 20 === 0);
      const full = rss();
      all.length = 0;
      for (let turn = 0; turn < 20; turn += 1) {
        collectGarbage();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const collected = rss();
      await trimMemory();
      console.log(JSON.stringify({ full: full - before, collected: collected - before, trimmed: rss() - before, kept: kept.length }));`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [output] = await Promise.all([text(child.stdout), once(child, "close")]);
    const { full, trimmed } = JSON.parse(output) as { full: number; trimmed: number };
    expect(full).toBeGreaterThan(150);
    expect(trimmed, output).toBeLessThan(50);
  });
});

function isGlibc(): boolean {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime !== undefined;
}
