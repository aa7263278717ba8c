/**
 * Requests that no proper client sends, byte by byte: each gets a status of its own fault or a closed connection, and
 * gives back what it held. The service takes one request at a time here, so whatever is not given back shows.
 */
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeService, startFakeService } from "./support/fake-service.js";

const BODY_BYTES_MAX = 4_000_000;
/** One caller has half of the places: as many as come at once on one connection, and no more. */
const QUEUED_MAX = 5;

let service: FakeService;
beforeAll(async () => {
  service = await startFakeService({
    requestsMax: 1,
    requestsQueuedMax: QUEUED_MAX,
    requestBytesMax: BODY_BYTES_MAX,
    uploadsHeldBytesMax: 2 * BODY_BYTES_MAX,
  });
});
afterAll(async () => {
  await service.close();
});

/** Writes the bytes, and ends its side of the connection where asked to. Resolves with everything that came back. */
async function send(bytes: string | Buffer, { isCut = false } = {}): Promise<string> {
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  let answer = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    answer += text;
  });
  // What is still on its way when the service closes is answered with a reset.
  socket.on("error", () => {});
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(Buffer.from(bytes as string, "latin1"), () => isCut && socket.destroy());
  await closed;
  return answer;
}

/** The statuses of the answers, one after another. */
function statusesOf(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

const head = (lines: readonly string[], start = "POST /infer HTTP/1.1") =>
  [start, "Host: x", "Connection: close", ...lines, "", ""].join("\r\n");
const sized = (body: string, ...lines: string[]) => `${head([`Content-Length: ${body.length}`, ...lines])}${body}`;
const chunked = (body: string, ...lines: string[]) => `${head(["Transfer-Encoding: chunked", ...lines])}${body}`;
const MULTIPART = "Content-Type: multipart/form-data; boundary=b";
const PNG = "Content-Type: image/png";
const part = (disposition: string, content: string) =>
  `--b\r\nContent-Disposition: ${disposition}\r\n\r\n${content}\r\n`;
const PHOTO = part('form-data; name="image_file"; filename="a"', "red");
const formOfParts = (...parts: string[]) => `${parts.join("")}--b--\r\n`;
const formOf = (...parts: string[]) => sized(formOfParts(...parts), MULTIPART);

/** Waits until a proper request is answered. It is of unknown length, so it holds as many bytes as a body may have. */
async function expectFree(): Promise<void> {
  const ask = () => send(chunked("3\r\nred\r\n0\r\n\r\n", PNG));
  await expect.poll(async () => statusesOf(await ask())).toEqual([200]);
}

describe("a request that is malformed", () => {
  it.each<[string, string, number[]]>([
    ["a form without a boundary", sized(PHOTO, "Content-Type: multipart/form-data"), [400]],
    ["a form with an empty boundary", sized(PHOTO, "Content-Type: multipart/form-data; boundary="), [400]],
    ["a form whose boundary never comes", sized("red", MULTIPART), [400]],
    ["a form without its last boundary", sized(PHOTO, MULTIPART), [400]],
    ["a form that ends inside a part's header", sized(PHOTO.slice(0, 30), MULTIPART), [400]],
    ["an empty form", sized("--b--\r\n", MULTIPART), [400]],
    ["100,000 text fields", formOf(part('form-data; name="model"', "y").repeat(100_000).slice(0, 3_900_000)), [413]],
    ["50,000 files", formOf(PHOTO.repeat(50_000).slice(0, 3_900_000)), [400, 413]],
    ["a file without a name", formOf(part('form-data; filename="a"', "red")), [400]],
    ["a file of a name with NUL", formOf(part('form-data; name="image\0file"; filename="a"', "red")), [400]],
    ["a field of a name with NUL", formOf(part('form-data; name="a\0b"', "c")), [400]],
    ["a field of a name of 10,000 letters", formOf(part(`form-data; name="${"n".repeat(10_000)}"`, "c")), [400, 413]],
    [
      "a part with a header of 100,000 letters",
      formOf(part(`form-data; name="a"; x="${"y".repeat(100_000)}"`, "c")),
      [400],
    ],
    ["a part with 5,000 headers", formOf(`--b\r\n${"x: y\r\n".repeat(5000)}\r\nz\r\n`), [400]],
    ["a part whose header has no name", formOf("--b\r\n: form-data\r\n\r\nz\r\n"), [400]],
    [
      "a file name in broken percent encoding",
      formOf(part("form-data; name=image_file; filename*=utf-8''%ff%", "z")),
      [400],
    ],
    ["a header of 100,000 letters", head([`X-Long: ${"y".repeat(100_000)}`]), [431]],
    ["10,000 headers", head(Array.from({ length: 10_000 }, (_, index) => `X-${index}: y`)), [431]],
    ["a header without a name", head([": value"]), [400]],
    ["a header with NUL in its name", head(["X-\0: value"]), [400]],
    ["a header with NUL in its value", head(["X-A: \0"]), [400]],
    ["no Host", "GET /healthz HTTP/1.1\r\n\r\n", [400]],
    ["two lengths", head(["Content-Length: 3", "Content-Length: 4"]), [400]],
    ["a length and chunks", `${head(["Content-Length: 3", "Transfer-Encoding: chunked", PNG])}0\r\n\r\n`, [400]],
    ["a length below zero", head(["Content-Length: -1"]), [400]],
    ["a length that is no number", head(["Content-Length: many"]), [400]],
    ["a length beyond all limits", head(["Content-Length: 999999999999", PNG]), [413]],
    ["a length beyond all numbers", head([`Content-Length: ${"9".repeat(40)}`, PNG]), [400]],
    ["an encoding that is unknown", head(["Transfer-Encoding: sparse"]), [400]],
    ["a chunk of no number", chunked("zz\r\nred\r\n", PNG), [400]],
    ["a chunk beyond all numbers", chunked(`${"f".repeat(40)}\r\nred\r\n`, PNG), [400]],
    ["a chunk longer than it says", chunked("2\r\nred\r\n0\r\n\r\n", PNG), [400]],
    ["an empty image in chunks", chunked("0\r\n\r\n", PNG), [400]],
    ["an expectation that is unknown", sized("red", PNG, "Expect: wonders"), [417]],
    ["HTTP/2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]],
    ["TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [400]],
    ["no HTTP at all", "hello?\r\n\r\n", [400]],
    ["an unknown method", head([], "BREW /infer HTTP/1.1"), [400]],
    ["a wrong method", head([], "DELETE /infer HTTP/1.1"), [405]],
    ["TRACE", head([], "TRACE /healthz HTTP/1.1"), [405]],
    ["a path in broken percent encoding", head([], "GET /api/models/%E0%A4%A HTTP/1.1"), [400]],
    ["a path with NUL", head([], "GET /api/models/%00 HTTP/1.1"), [404]],
    ["a path that climbs", head([], "GET /../../package.json HTTP/1.1"), [404]],
    ["a path that climbs, encoded", head([], "GET /..%2f..%2fpackage.json HTTP/1.1"), [403, 404]],
    ["an address of someone else", head([], "GET http://example.org/nothing HTTP/1.1"), [404]],
    ["a query of 1,000 names", head([], `GET /api/models/nope?${"a=b&".repeat(1000)} HTTP/1.1`), [400]],
  ])("such as %s is refused", async (_what, request, statuses) => {
    const answered = statusesOf(await send(request));
    expect(answered).toHaveLength(1);
    expect(statuses).toContain(answered[0]);
    await expectFree();
  });

  it("is refused without an answer where it asks for a tunnel", async () => {
    expect(await send(head([], "CONNECT example.org:443 HTTP/1.1"))).toBe("");
    await expectFree();
  });
});

describe("a body of one byte in each chunk", () => {
  const inBytes = (body: string, type: string) =>
    chunked(`${[...body].map((letter) => `1\r\n${letter}\r\n`).join("")}0\r\n\r\n`, type);
  const largePart = part('form-data; name="image_file"; filename="a"', `red${" ".repeat(40_000)}`);

  // Encoders of JSON that write value by value make such chunks of what they are given.
  it.each([
    ["an image", "red".padEnd(40_000), PNG],
    ["a form", formOfParts(largePart), MULTIPART],
  ])("is read whole where it is %s, however many they are", async (_what, body, type) => {
    const whole = await send(sized(body, type));
    expect(statusesOf(await send(inBytes(body, type)))).toEqual(statusesOf(whole));
    expect(statusesOf(whole)).not.toEqual([400]);
    await expectFree();
  });
});

describe("a request that is unusual", () => {
  it("waits for 100 Continue, and is answered", async () => {
    const answer = await send(sized("red", PNG, "Expect: 100-continue"));
    expect(statusesOf(answer)).toEqual([100, 200]);
  });

  it("comes with others at once, and all are answered in their order", async () => {
    const kept = (request: string) => request.replace("Connection: close\r\n", "");
    const good = sized("red", PNG, "X-Request-Id: first");
    const bad = sized("none", PNG, "X-Request-Id: second");
    const answer = await send(kept(good) + kept(bad) + formOf(PHOTO));
    expect(statusesOf(answer)).toEqual([200, 415, 200]);
    expect(answer.indexOf("first")).toBeLessThan(answer.indexOf("second"));
  });

  it("is HTTP/0.9, which has no headers, and is answered", async () => {
    expect(statusesOf(await send("GET /healthz\r\n\r\n"))).toEqual([200]);
  });

  it("asks to become a WebSocket, and is answered as if it had not", async () => {
    const lines = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
    const upgrade = head(lines, "GET /healthz HTTP/1.1").replace("Connection: close\r\n", "");
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    socket.write(upgrade);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(statusesOf(answer.toString())).toEqual([200]);
    socket.destroy();
  });
});

describe("a client that goes away", () => {
  it.each<[string, string]>([
    ["a form", formOf(PHOTO)],
    ["an image", sized("red", PNG)],
    ["chunks", chunked("3\r\nred\r\n0\r\n\r\n", PNG)],
  ])("at any byte of %s leaves nothing behind", async (_what, request) => {
    const lengths = Array.from({ length: request.length }, (_, index) => index + 1);
    await Promise.all(lengths.map((length) => send(request.slice(0, length), { isCut: true })));
    await expectFree();
    expect(service.logLines.filter((line) => line.includes('"level":50'))).toEqual([]);
  });
});
