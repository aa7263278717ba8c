/** A service that has come to rest has no more memory than before it was busy. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningServer, startServer } from "../support/server.js";

const MIB = 2 ** 20;
const SHAPE = [16, 144, 144, 3];

describe.runIf(process.platform === "linux")("the memory of a service", () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer({});
  }, 60_000);
  afterAll(() => server.stop());

  const rssMib = () => {
    const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${server.child.pid}/status`, "latin1")) ?? [];
    return (1024 * Number(kib)) / MIB;
  };
  const ask = async (body: string) => {
    const response = await fetch(`${server.url}/v2/models/flowers5/infer`, { method: "POST", body });
    await response.arrayBuffer();
    return response.status;
  };

  it("is back within a twentieth after a rest, whatever large bodies it took", async () => {
    const tensor = (count: number) => {
      const shape = [count, ...SHAPE.slice(1)];
      const numbers = Array.from({ length: shape.reduce((one, other) => one * other) }, () => "0.1234567890123");
      return `{"inputs":[{"name":"input","datatype":"FP32","shape":[${shape}],"data":[${numbers}]}]}`;
    };
    expect(await ask(tensor(1))).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const before = rssMib();
    const large = tensor(16);
    for (let round = 0; round < 3; round += 1) expect(await Promise.all([ask(large), ask(large)])).toEqual([200, 200]);
    expect(rssMib(), "that they take memory").toBeGreaterThan(before + 50);
    await expect.poll(rssMib, { timeout: 30_000, interval: 500 }).toBeLessThan(1.05 * before);
  });
});
