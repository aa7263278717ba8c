/** How attackers ask: connections whose errors are the service's right, clients that ask again and again, requests as bytes. */
import { connect } from "node:net";
import { encodeForm, encodePost } from "../../http-client.mjs";

/**
 * @typedef {object} Target
 * @property {number} port
 * @property {number} grpcPort
 * @property {string} from the attacker's address
 * @property {() => boolean} isOver
 * @property {Buffer} photo
 * @property {readonly { label: string, content: Buffer }[]} samples photos of two kinds
 * @property {Record<string, Buffer>} worst the worst image that is known of each format
 */

/**
 * @typedef {object} Attack
 * @property {string} title
 * @property {(target: Target) => Promise<unknown>} run
 */

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const PAUSE_MS = 20;

/** Opens a connection; errors are the service's right. */
export function open({ port, from }) {
  const socket = connect({ port, host: "127.0.0.1", localAddress: from });
  socket.on("error", () => {});
  return socket;
}

/** Asks and reads the whole answer, whatever it is; `read` gets its pieces. */
export function ask(target, request, read = (_chunk) => {}) {
  return new Promise((resolve) => {
    const socket = open(target);
    socket.setTimeout(130_000, () => socket.destroy());
    socket.on("data", read);
    socket.on("close", resolve);
    // Whoever closes its half of the connection counts as gone, and its work is given up.
    socket.write(request);
  });
}

/** So many clients that ask, each again and again, what `make` gives them. */
export function clients(count, make) {
  return (target) =>
    Promise.all(
      Array.from({ length: count }, async (_, client) => {
        for (let turn = 0; !target.isOver(); turn += 1) {
          await ask(target, make(target, client, turn));
          await sleep(PAUSE_MS);
        }
      }),
    );
}

/** A form for `/infer`; the connection is closed after it. */
export function infer(...parts) {
  return form("/infer?format=json", parts);
}

export function form(path, parts) {
  const { headers, body } = encodeForm(parts);
  return encodePost(path, { ...headers, connection: "close" }, body);
}

export const image = (content) => ({ name: "image_file", file: "photo", content });
export const graph = (content) => ({ name: "model_file", file: "graph.pb", content });
export const model = (content) => ({ name: "model", content });
