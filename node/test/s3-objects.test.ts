/** What the store of models asks of S3, by the real client: of a server of the test's own, and of a real one where it is. */
import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Objects } from "../src/models/objects.js";
import { openS3Objects } from "../src/models/s3-objects.js";
import { type FakeS3, startFakeS3 } from "./support/fake-s3.mjs";

const MS_MAX = 10_000;
const BYTES_MAX = 1000;
const BYTES = Buffer.from("an index");

let s3: FakeS3;
let objects: Objects;
beforeEach(async () => {
  s3 = await startFakeS3("models");
  for (const [name, value] of Object.entries(s3.environment)) vi.stubEnv(name, value);
  objects = await openS3Objects("s3://models/some/prefix");
});
afterEach(async () => {
  objects.close();
  vi.unstubAllEnvs();
  await s3.stop();
});

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

it("objects lie below the prefix, and are what was put", async () => {
  await objects.put("blobs/a b", BYTES, sha256(BYTES), MS_MAX);
  expect([...s3.objects.keys()]).toEqual(["/models/some/prefix/blobs/a b"]);
  expect(await objects.get("blobs/a b", MS_MAX, BYTES_MAX)).toMatchObject({ bytes: new Uint8Array(BYTES) });
  expect(await objects.get("blobs/other", MS_MAX, BYTES_MAX)).toBeNull();
});

it("an object that was not changed is not sent again", async () => {
  const etag = await objects.replace("models.json", BYTES, null, MS_MAX);
  expect(await objects.get("models.json", MS_MAX, BYTES_MAX, etag)).toBe("same");
  expect(await objects.get("models.json", MS_MAX, BYTES_MAX, '"another"')).toMatchObject({ etag });
});

it("an object is not read past the bytes that it may have", async () => {
  await objects.put("blobs/a", BYTES, sha256(BYTES), MS_MAX);
  expect(await objects.get("blobs/a", MS_MAX, BYTES.length)).toMatchObject({ bytes: new Uint8Array(BYTES) });
  await expect(objects.get("blobs/a", MS_MAX, BYTES.length - 1)).rejects.toMatchObject({
    code: "engine_unavailable",
    message: /^The store of models holds more under blobs\/a than the 7 bytes that it may\./,
  });
});

it("bytes that are not those of their hash are refused by the store", async () => {
  await expect(objects.put("blobs/a", BYTES, sha256(Buffer.from("other")), MS_MAX)).rejects.toThrow(/BadDigest/);
  expect(s3.objects.size).toBe(0);
});

it("the first index is made once, and replaced only by who has read the one that is there", async () => {
  const first = await objects.replace("models.json", BYTES, null, MS_MAX);
  expect(first).not.toBeNull();
  expect(await objects.replace("models.json", Buffer.from("mine"), null, MS_MAX)).toBeNull();
  const second = await objects.replace("models.json", Buffer.from("second"), first, MS_MAX);
  expect(second).not.toBeNull();
  expect(await objects.replace("models.json", Buffer.from("third"), first, MS_MAX)).toBeNull();
  expect(s3.objects.get("/models/some/prefix/models.json")?.toString()).toBe("second");
  s3.objects.clear();
  expect(await objects.replace("models.json", Buffer.from("third"), second, MS_MAX)).toBeNull();
});

describe("a store that is not there", () => {
  const away = { code: "engine_unavailable", status: 503 };

  it("is said to be away, and there again when it is", async () => {
    await objects.replace("models.json", BYTES, null, MS_MAX);
    await s3.stop();
    await expect(objects.get("models.json", MS_MAX, BYTES_MAX)).rejects.toMatchObject({
      ...away,
      message: "The store of models cannot be used now (ECONNREFUSED). Nothing is half-stored; try again.",
    });
    await s3.start();
    expect(await objects.get("models.json", MS_MAX, BYTES_MAX)).toMatchObject({ bytes: new Uint8Array(BYTES) });
  });

  it("is one whose bucket is missing, which is not an empty one", async () => {
    const other = await openS3Objects("s3://others");
    await expect(other.get("models.json", MS_MAX, BYTES_MAX)).rejects.toMatchObject({
      ...away,
      message: /NoSuchBucket/,
    });
    other.close();
  });

  it("is one that stops in the middle of an object", async () => {
    await objects.replace("models.json", BYTES, null, MS_MAX);
    s3.stall();
    await expect(objects.get("models.json", 300, BYTES_MAX)).rejects.toMatchObject({
      ...away,
      message: /within 300 ms/,
    });
  });

  it("is one that does not answer in time", async () => {
    s3.answerAfter(60_000);
    await expect(objects.get("models.json", 50, BYTES_MAX)).rejects.toMatchObject({
      ...away,
      message: /no answer within 50 ms/,
    });
  });
});
