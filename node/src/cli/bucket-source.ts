/** The photos of a batch that lie in a bucket, listed page by page and read one by one. */
import { basename } from "node:path";
import { Readable } from "node:stream";
import { AppError, messageOf } from "../errors.js";
import { type BucketPlace, openS3 } from "../s3.js";
import type { BatchSource } from "./batch-source.js";
import { isPhoto, UnreadableInput } from "./files.js";

const READ_MS_MAX = 60_000;
const HIDDEN = /(^|\/)\./;

/** Names are keys behind the prefix, in the order of their bytes, as stores of this kind list them. */
export async function openBucketSource(url: string, { bucket, prefix }: BucketPlace): Promise<BatchSource> {
  const { client, commands } = await openS3();
  const folder = prefix === "" ? "" : `${prefix}/`;

  async function* names(): AsyncGenerator<string> {
    // XML, of which the list is, has no way to write some characters that keys may have.
    const asked = { Bucket: bucket, Prefix: folder, EncodingType: "url" } as const;
    const pages = commands.paginateListObjectsV2({ client }, asked);
    try {
      for await (const { Contents = [], EncodingType } of pages) {
        for (const { Key = "" } of Contents) {
          const key = EncodingType === "url" ? decodeURIComponent(Key.replaceAll("+", " ")) : Key;
          const name = key.slice(folder.length);
          if (isPhoto(basename(name)) && !HIDDEN.test(name)) yield name;
        }
      }
    } catch (error) {
      throw new UnreadableInput(url, `It cannot be listed: ${wordsOf(error)}.`, { cause: error });
    }
  }

  return {
    place: url,
    names,
    async read(name, bytesMax) {
      const asked = new commands.GetObjectCommand({ Bucket: bucket, Key: `${folder}${name}` });
      const options = { abortSignal: AbortSignal.timeout(READ_MS_MAX) };
      try {
        const { Body, ContentLength = 0 } = await client.send(asked, options);
        if (ContentLength > bytesMax) {
          // What nobody reads would keep its connection.
          if (Body instanceof Readable) Body.destroy();
          throw new AppError("upload_too_large", `The image is larger than ${bytesMax} bytes.`);
        }
        return Buffer.from((await Body?.transformToByteArray()) ?? []);
      } catch (error) {
        if (error instanceof commands.NoSuchKey) throw new UnreadableInput(name, "It is not there any more.");
        throw error;
      }
    },
    close: () => client.destroy(),
  };
}

/** Errors of this client have their kind as their name, and sometimes no more. */
function wordsOf(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  return [name, messageOf(error)].filter((text) => text !== "").join(": ");
}
