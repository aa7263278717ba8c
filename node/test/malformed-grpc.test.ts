/** The gRPC port against what no proper client sends, for seconds; `scripts/fuzz-grpc.mjs` does so for as long as wanted. */
import { expect, it } from "vitest";
import { startFakeService } from "./support/fake-service.js";
import { ask, openClient } from "./support/grpc.js";
import { attack } from "./support/malformed-grpc.mjs";

const SECONDS = 5;

it("malformed frames leave the port up, and nothing held", async () => {
  const service = await startFakeService({
    requestsMax: 4,
    keepAliveMsMax: 1000,
    uploadGraceMs: 500,
    grpcMessageBytesMax: 1_000_000,
    // So that its address is not refused for what it resets.
    trustProxy: "loopback",
  });
  const address = await service.openGrpc();
  const counts = await attack(address, { seconds: SECONDS, seed: 1 });
  expect(Object.keys(counts).toSorted()).toEqual(["changed", "cut", "frames", "garbage", "streams"]);
  await expect.poll(() => service.held()).toEqual({ requests: 0, waiting: 0, bytes: 0 });
  await expect.poll(() => service.connections.count).toBe(0);
  const client = openClient(address);
  expect(await ask(client, "inference.GRPCInferenceService/ServerLive", {})).toMatchObject({ answer: { live: true } });
  client.close();
  expect(service.logLines.filter((line) => line.includes('"internal"'))).toEqual([]);
  await service.close();
});
