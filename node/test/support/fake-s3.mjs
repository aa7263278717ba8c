/**
 * As much of an S3-compatible store as the service asks of one, over HTTP, in memory: objects by their path, and conditions
 * on ETags. It can be slow, gone, or lie. Signatures are not looked at.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

const SIGNING = { AWS_ACCESS_KEY_ID: "menagerie", AWS_SECRET_ACCESS_KEY: "menagerie", AWS_REGION: "us-east-1" };

const KEYS_PER_PAGE = 2;

/**
 * @param {string} bucket the one that there is
 * @param {number} [port]
 */
export async function startFakeS3(bucket, port = 0) {
  /** @type {Map<string, Buffer>} */
  const objects = new Map();
  let delayMs = 0;
  let ignoresConditions = false;
  let stalls = false;
  /** @type {(bytes: Buffer) => Buffer} */
  let lie = (bytes) => bytes;
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => setTimeout(() => answer(request, Buffer.concat(chunks), response), delayMs));
  });

  function answer({ method, url = "", headers: asked }, body, response) {
    const headers = method === "PUT" && ignoresConditions ? {} : asked;
    const { pathname, searchParams } = new URL(url, "http://store");
    const path = decodeURIComponent(pathname);
    const fail = (status, code) => {
      response.writeHead(status, { "content-type": "application/xml" });
      response.end(status === 304 ? undefined : `<Error><Code>${code}</Code><Message>${code}</Message></Error>`);
    };
    if (!`${path}/`.startsWith(`/${bucket}/`)) return fail(404, "NoSuchBucket");
    if (searchParams.has("list-type")) return list(searchParams, response);
    const found = objects.get(path);
    if (method === "PUT") {
      if (headers["if-none-match"] === "*" && found !== undefined) return fail(412, "PreconditionFailed");
      if (headers["if-match"] !== undefined && found === undefined) return fail(404, "NoSuchKey");
      if (headers["if-match"] !== undefined && headers["if-match"] !== etagOf(found))
        return fail(412, "PreconditionFailed");
      const sum = headers["x-amz-checksum-sha256"];
      if (sum !== undefined && sum !== createHash("sha256").update(body).digest("base64"))
        return fail(400, "BadDigest");
      objects.set(path, body);
      response.writeHead(200, { etag: etagOf(body) });
      return response.end();
    }
    if (found === undefined) return fail(404, "NoSuchKey");
    if (method === "DELETE") {
      objects.delete(path);
      response.writeHead(204);
      return response.end();
    }
    if (headers["if-none-match"] === etagOf(found)) return fail(304, "NotModified");
    const bytes = lie(found);
    response.writeHead(200, { etag: etagOf(found), "content-length": bytes.length });
    if (stalls) response.write(bytes.subarray(0, bytes.length / 2));
    else response.end(bytes);
  }

  /** Two keys a page. */
  function list(asked, response) {
    const isEncoded = asked.get("encoding-type") === "url";
    const written = (key) => (isEncoded ? encodeURIComponent(key).replaceAll("%20", "+") : key);
    const keys = [...objects.keys()].map((path) => path.slice(bucket.length + 2)).toSorted();
    const after = decodeURIComponent(asked.get("continuation-token") ?? "");
    const left = keys.filter((key) => key.startsWith(asked.get("prefix") ?? "") && key > after);
    const page = left.slice(0, KEYS_PER_PAGE);
    const more = left.length > page.length;
    response.writeHead(200, { "content-type": "application/xml" });
    response.end(
      `<ListBucketResult><IsTruncated>${more}</IsTruncated>${more ? `<NextContinuationToken>${encodeURIComponent(page.at(-1))}</NextContinuationToken>` : ""}${isEncoded ? "<EncodingType>url</EncodingType>" : ""}${page.map((key) => `<Contents><Key>${written(key)}</Key></Contents>`).join("")}</ListBucketResult>`,
    );
  }

  async function listen(at) {
    server.listen(at, "127.0.0.1");
    await once(server, "listening");
  }

  await listen(port);
  const { port: ownPort } = server.address();
  return {
    objects,
    /** What the client reads of the environment. */
    environment: { ...SIGNING, AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${ownPort}` },
    answerAfter(ms) {
      delayMs = ms;
    },
    stall() {
      stalls = true;
    },
    ignoreConditions() {
      ignoresConditions = true;
    },
    lieWith(change) {
      lie = change;
    },
    /** Refuses connections until `start`. */
    async stop() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
    start: () => listen(ownPort),
  };
}

/** @param {Buffer} [bytes] */
function etagOf(bytes = Buffer.alloc(0)) {
  return `"${createHash("md5").update(bytes).digest("hex")}"`;
}
