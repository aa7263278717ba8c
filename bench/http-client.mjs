/**
 * HTTP with kept connections and no more work than needed: the program that asks runs on the cores of those it measures.
 * Requests are written as bytes made once; of an answer only status, length and body are read.
 */
import { connect } from "node:net";

const HEAD_END = Buffer.from("\r\n\r\n");
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const STATUS = /^HTTP\/1\.1 (\d{3})/;

/** @returns {Buffer} a whole POST request */
export function encodePost(path, headers, body) {
  const lines = Object.entries({ host: "127.0.0.1", ...headers, "content-length": body.length });
  const head = `POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

/** A form of files and fields. @returns {{headers: Record<string, string>, body: Buffer}} */
export function encodeForm(parts) {
  const boundary = "menagerie-bench-7d0f4c";
  const chunks = parts.flatMap(({ name, file, type, content }) => [
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${file === undefined ? "" : `; filename="${file}"`}` +
        `${type === undefined ? "" : `\r\ncontent-type: ${type}`}\r\n\r\n`,
    ),
    Buffer.from(content),
    Buffer.from("\r\n"),
  ]);
  const body = Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]);
  return { headers: { "content-type": `multipart/form-data; boundary=${boundary}` }, body };
}

/** Connections to one server; a request takes an idle one, or a new one. */
export class HttpClient {
  #port;
  #idle = [];
  #open = new Set();

  /** @param {string} address `http://127.0.0.1:PORT` */
  constructor(address) {
    this.#port = Number(new URL(address).port);
  }

  /**
   * @param {Buffer} request
   * @returns {Promise<{status: number, body: Buffer, sentAt: number}>} `sentAt` is when the last byte was handed over
   */
  async send(request) {
    let connection = this.#idle.pop();
    while (connection !== undefined && !connection.usable) connection = this.#idle.pop();
    connection ??= await this.#connect();
    try {
      return await connection.send(request);
    } finally {
      if (connection.usable) this.#idle.push(connection);
      else this.#open.delete(connection);
    }
  }

  close() {
    for (const connection of this.#open) connection.close();
  }

  async #connect() {
    const connection = await Connection.open(this.#port);
    this.#open.add(connection);
    return connection;
  }
}

class Connection {
  #socket;
  #received = [];
  #waiting;
  #sentAt = Number.NaN;
  usable = true;

  static open(port) {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new Connection(socket));
      });
    });
  }

  constructor(socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
  }

  send(request) {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(request, () => {
        this.#sentAt = performance.now();
      });
    });
  }

  close() {
    this.#socket.destroy();
  }

  #receive(chunk) {
    this.#received.push(chunk);
    const bytes = this.#received.length === 1 ? chunk : Buffer.concat(this.#received);
    const headBytes = bytes.indexOf(HEAD_END);
    if (headBytes < 0) return;
    const head = bytes.toString("latin1", 0, headBytes);
    const bodyBytes = Number(LENGTH.exec(head)?.[1]);
    if (Number.isNaN(bodyBytes)) return this.#fail(new Error(`an answer without a length: ${head.slice(0, 200)}`));
    const start = headBytes + HEAD_END.length;
    if (bytes.length < start + bodyBytes) return;
    this.#received = [];
    this.usable = !/\r\nconnection: *close/i.test(head);
    const { resolve } = this.#waiting;
    this.#waiting = undefined;
    resolve({
      status: Number(STATUS.exec(head)?.[1]),
      body: bytes.subarray(start, start + bodyBytes),
      sentAt: this.#sentAt,
    });
  }

  #fail(error) {
    this.usable = false;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}
