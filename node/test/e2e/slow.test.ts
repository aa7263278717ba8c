/** Clients that send slowly, or not at all, on real sockets: each is cut off, and the others are served. */
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { form } from "../support/fake-service.js";
import { solidPng } from "../support/png.js";
import { makeColourZoo, type RunningServer, startServer } from "../support/server.js";

const RED = solidPng(64, 48, [255, 0, 0]);
const CONNECTIONS_MAX = 12;
const TIMED_OUT = /^HTTP\/1\.1 408 Request Timeout\r\n/;
/** A client that still sends may get a reset before it reads the answer. */
const CUT_OFF = /^(HTTP\/1\.1 408 Request Timeout\r\n|$)/;
const FORM_HEAD = [
  "POST /infer HTTP/1.1",
  "Host: localhost",
  "Content-Type: multipart/form-data; boundary=b",
  "Transfer-Encoding: chunked",
  "",
  "",
].join("\r\n");
const RAW_HEAD = "POST /infer HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 100000\r\n\r\n";

let zoo: string;
let server: RunningServer;
beforeAll(async () => {
  zoo = await makeColourZoo();
  server = await startServer({
    MODELS_DIR: zoo,
    REQUESTS_MAX: "2",
    CONNECTIONS_MAX: String(CONNECTIONS_MAX),
    HEADERS_BYTES_MAX: "2000",
    HEADERS_MS_MAX: "1000",
    REQUEST_MS_MAX: "4000",
    KEEP_ALIVE_MS_MAX: "500",
    UPLOAD_GRACE_MS: "1000",
    UPLOAD_BYTES_PER_SECOND_MIN: "1000",
  });
});
afterAll(async () => {
  await server.stop();
  await rm(zoo, { recursive: true });
});

interface Client {
  readonly socket: Socket;
  /** What it was answered until the connection was closed. */
  readonly answer: Promise<string>;
}

async function open(): Promise<Client> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  // What is on its way when the service closes is answered with a reset.
  socket.on("error", () => {});
  const answer = new Promise<string>((resolve) => socket.once("close", () => resolve(text)));
  await once(socket, "connect");
  return { socket, answer };
}

/** Sends `piece` every few milliseconds. */
async function trickle(head: string, piece: string): Promise<Client> {
  const client = await open();
  client.socket.write(head);
  const pump = setInterval(() => client.socket.writable && client.socket.write(piece), 50);
  client.socket.once("close", () => clearInterval(pump));
  return client;
}

const status = async () =>
  (
    await fetch(`${server.url}/infer`, {
      method: "POST",
      body: form({ image_file: RED }),
      headers: { connection: "close" },
    })
  ).status;

it("a connection that never sends is closed", async () => {
  const { answer } = await open();
  expect(await answer).toMatch(TIMED_OUT);
});

it("headers that trickle are cut off", async () => {
  const { answer } = await trickle("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ", "a");
  expect(await answer).toMatch(CUT_OFF);
});

it.each([
  ["a raw body that trickles", RAW_HEAD, "a"],
  ["a raw body that stops", RAW_HEAD, ""],
  ["a form that trickles", FORM_HEAD, "1\r\n-\r\n"],
  ["a form that stops", FORM_HEAD, ""],
])("%s gives its turn back to others", async (_what, head, piece) => {
  const slow = await Promise.all([trickle(head, piece), trickle(head, piece)]);
  expect(await status()).toBe(200);
  for (const { answer } of slow) expect(await answer).toMatch(piece === "" ? TIMED_OUT : CUT_OFF);
});

it("a body at a good pace is cut off when it is late as a whole", async () => {
  const { answer } = await trickle(RAW_HEAD, "a".repeat(500));
  expect(await answer).toMatch(CUT_OFF);
  expect(await status()).toBe(200);
});

it("a connection that is kept alive is closed when nothing more comes", async () => {
  const { socket, answer } = await open();
  socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  expect(await answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(await answer).toContain('{"live":true}');
});

it("headers that are too long are refused", async () => {
  const { socket, answer } = await open();
  socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ${"a".repeat(3000)}\r\n\r\n`);
  expect(await answer).toMatch(/^HTTP\/1\.1 431 /);
});

it("past an address's share of the connections the one idle for longest gives way to a new one", async () => {
  const others = [];
  for (let index = 0; index < CONNECTIONS_MAX; index += 1) others.push(await open());
  expect(await others[0]?.answer).toBe("");
  expect(await status()).toBe(200);
  for (const other of others) other.socket.destroy();
});
