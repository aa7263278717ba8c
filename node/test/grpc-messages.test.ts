/** Messages of the gRPC port: counted as they come, bounded, and dropped where they are refused. */
import { once } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { CODE_KEY } from "../src/protocols/grpc/statuses.js";
import { askBytes } from "./support/grpc.js";
import {
  atEnd,
  closeAll,
  expectFree,
  headOf,
  INFER,
  MESSAGE_BYTES_MAX,
  open,
  startPort,
  trailersOf,
} from "./support/grpc-port.js";

afterEach(closeAll);

describe("a message", () => {
  it("is counted as it comes, by what is kept of it", async () => {
    const port = await startPort();
    const { stream } = open(port);
    stream.write(Buffer.concat([headOf(500_000), Buffer.alloc(100_000)]));
    await expect.poll(() => port.admission.held().bytes).toBeGreaterThanOrEqual(100_000);
    expect(port.admission.held().bytes).toBeLessThan(300_000);
    stream.close();
    await expectFree(port);
  });

  it("of few bytes among much else counts as what it keeps in memory", async () => {
    const port = await startPort();
    const { session, stream } = open(port);
    stream.write(headOf(500_000));
    const other = session.request({ ":method": "POST", ":path": `/${INFER}`, "content-type": "application/grpc" });
    other.on("error", () => {}).resume();
    other.write(Buffer.concat([headOf(500_000), Buffer.alloc(50_000)]));
    stream.write(Buffer.alloc(1));
    await expect.poll(() => port.admission.held().bytes).toBeGreaterThan(100_000);
    session.destroy();
    await expectFree(port);
  });

  it("counts as its own bytes once it is there", async () => {
    const port = await startPort();
    const request = { model_name: "x".repeat(60_000) };
    const answer = port.infer({}, request);
    await expect.poll(() => port.signals.length).toBe(1);
    expect(port.admission.held().bytes).toBe(60_004);
    port.release();
    expect((await answer).status).toBe("OK");
    await expectFree(port);
  });

  it("is put together as it comes: no turn of the event loop copies much of it", async () => {
    const port = await startPort({ grpcMessageBytesMax: 16 * 1024 * 1024 });
    const message = Buffer.alloc(15 * 1024 * 1024);
    // Field 1, model_name, of all other bytes.
    message.set([0x0a, 0xfb, 0xff, 0xbf, 0x07]);
    const { stream } = open(port);
    const joined = vi.spyOn(Buffer, "concat");
    stream.end(Buffer.concat([headOf(message.length), message]));
    joined.mockClear();
    await expect.poll(() => port.signals.length, { timeout: 20_000 }).toBe(1);
    for (const [pieces] of joined.mock.calls) {
      expect(pieces.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(1024 * 1024);
    }
    joined.mockRestore();
    port.release();
  });

  it("that its caller's share of memory does not allow is overloaded", async () => {
    const port = await startPort({ uploadsHeldBytesMax: 400_000 });
    const { stream } = open(port);
    stream.end(Buffer.concat([headOf(900_000), Buffer.alloc(900_000)]));
    expect(await trailersOf(stream)).toMatchObject({ "grpc-status": "14", [CODE_KEY]: "overloaded" });
    await expectFree(port);
  });

  it.each<[string, Buffer, string, string]>([
    ["longer than the limit", headOf(MESSAGE_BYTES_MAX + 1), "8", "upload_too_large"],
    ["of 4 GiB", headOf(0xffffffff), "8", "upload_too_large"],
    ["compressed", headOf(10, 1), "3", "field_invalid"],
    ["one of two", Buffer.concat([headOf(0), headOf(0)]), "3", "field_invalid"],
    ["no protobuf", Buffer.concat([headOf(3), Buffer.from([0xff, 0xff, 0xff])]), "3", "field_invalid"],
    [
      "of a part that is longer than the whole",
      Buffer.concat([headOf(2), Buffer.from([0x0a, 0x7f])]),
      "3",
      "field_invalid",
    ],
  ])("that is %s is refused", async (_what, bytes, status, code) => {
    const port = await startPort();
    const { stream } = open(port);
    stream.end(bytes);
    expect(await trailersOf(stream)).toMatchObject({ "grpc-status": status, [CODE_KEY]: code });
    expect(port.seen).toEqual([]);
    await expectFree(port);
  });

  it.each<[string, Buffer]>([
    // Field 7, raw_input_contents, of no bytes.
    ["parts", Buffer.alloc(100_000, Buffer.from([0x3a, 0]))],
    // Field 5, inputs, with field 4 of parameters, each of no bytes.
    ["parts of parts", Buffer.alloc(40_000, Buffer.from([0x2a, 2, 0x22, 0]))],
  ])("of too many %s is refused before objects are made of them", async (_what, message) => {
    const port = await startPort();
    const { status, trailers, details } = await askBytes(port.client, INFER, message);
    expect([status, trailers[CODE_KEY]]).toEqual(["INVALID_ARGUMENT", "field_invalid"]);
    expect(details).toContain("more than 10000 parts");
  });

  it("that does not come is waited for no longer than a body is", async () => {
    const port = await startPort({ uploadGraceMs: 100, uploadBytesPerSecondMin: 100_000 });
    const { stream } = open(port);
    stream.write(headOf(1000));
    expect(await trailersOf(stream)).toMatchObject({ "grpc-status": "4" });
    await expectFree(port);
  });

  it("that is there is no longer waited for, however long its call works", async () => {
    const port = await startPort({ requestMsMax: 200, uploadGraceMs: 100, uploadBytesPerSecondMin: 100_000 });
    const answer = port.infer();
    await expect.poll(() => port.signals.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 600));
    port.release();
    expect((await answer).status).toBe("OK");
  });

  it("that is dropped after a refusal is not read for ever", async () => {
    const port = await startPort();
    const { stream } = open(port);
    stream.write(headOf(0xffffffff));
    const chunk = Buffer.alloc(16_000);
    const timer = setInterval(() => !stream.closed && stream.write(chunk), 5);
    atEnd(() => clearInterval(timer));
    await once(stream, "close");
    await expectFree(port);
  });
});
