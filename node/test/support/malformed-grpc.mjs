/**
 * What no proper client sends to a gRPC port, made from a seed: garbage, HTTP/2 frames that are none, proper sessions
 * that were changed or cut at any byte, calls with wrong messages, and streams that are opened to be reset.
 */
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const PATHS = [
  "/inference.GRPCInferenceService/ModelInfer",
  "/inference.GRPCInferenceService/ServerLive",
  "/inference.GRPCInferenceService/ModelMetadata",
  "/inference.GRPCInferenceService/RepositoryIndex",
  "/tensorflow.serving.PredictionService/Predict",
  "/tensorflow.serving.PredictionService/Classify",
  "/grpc.health.v1.Health/Check",
  "/grpc.health.v1.Health/Watch",
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
/** By RFC 9113, section 6, and some that are not there. */
const FRAME_TYPES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 99];
const AT_ONCE = 16;
/** How long a connection waits for the other side to end it. */
const WAIT_MS = 100;

/** xorshift32 (Marsaglia, "Xorshift RNGs", 2003). @param {number} seed */
function createRandom(seed) {
  let state = seed | 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  return {
    /** @param {number} max below which it is */
    below: (max) => next() % max,
    /** @template T @param {readonly T[]} list @returns {T} */
    of: (list) => /** @type {T} */ (list[next() % list.length]),
    /** @param {number} count */
    bytes: (count) => Buffer.from(Array.from({ length: count }, () => next() & 0xff)),
  };
}

/** @typedef {ReturnType<typeof createRandom>} Random */

/** @param {number} type @param {number} flags @param {number} stream @param {Buffer} payload @param {number} [length] */
export function frame(type, flags, stream, payload, length = payload.length) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, payload]);
}

/** HPACK without its tables (RFC 7541, section 6.2.2). @param {readonly [string, string | Buffer][]} headers */
export function block(headers) {
  return Buffer.concat(
    headers.flatMap(([name, value]) => [Buffer.from([0]), text(Buffer.from(name)), text(Buffer.from(value))]),
  );
}

/** @param {Buffer} bytes of at most 16,510 */
function text(bytes) {
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const rest = bytes.length - 127;
  return Buffer.concat([Buffer.from([127, 0x80 | (rest & 0x7f), rest >> 7]), bytes]);
}

/** @param {Random} random @returns {[string, string | Buffer][]} */
function headersOf(random) {
  return [
    [":method", random.of(["POST", "POST", "POST", "GET"])],
    [":scheme", "http"],
    [":path", random.of([...PATHS, `/${random.bytes(8).toString("hex")}`, "/é%ff%00", "*", ""])],
    [":authority", "localhost"],
    [
      "content-type",
      random.of(["application/grpc", "application/grpc+proto", "application/grpc+json", "text/html", ""]),
    ],
    ["te", "trailers"],
    ["grpc-timeout", random.of(["1S", "50m", "1n", "99999999H", "-1S", "x", ""])],
    ["grpc-encoding", random.of(["identity", "gzip", "deflate", "wonders"])],
    ["authorization", random.of(["Bearer x", random.bytes(20)])],
    ["x-forwarded-for", random.of(["1.2.3.4", "unknown", ",,,", random.bytes(9)])],
    ["x-request-id", random.of(["fine", random.bytes(9), "x".repeat(3000)])],
    [random.of(["a-bin", "grpc-trace-bin"]), random.of(["AAAA", "!!!", "A,B,,"])],
  ];
}

/** A message with a head that may lie. @param {Random} random */
function messageOf(random) {
  const body = random.of([
    Buffer.alloc(0),
    random.bytes(random.below(300)),
    Buffer.alloc(20_000, random.bytes(1)),
    // Parts within parts, and many of no bytes.
    Buffer.alloc(40_000, Buffer.from([0x2a, 2, 0x22, 0])),
    Buffer.alloc(60_000, Buffer.from([0x3a, 0])),
    Buffer.from([0x0a, 3, 0xed, 0xa0, 0x80]),
  ]);
  const head = Buffer.alloc(5);
  head.writeUInt8(random.of([0, 0, 0, 0, 1, 2, 255]), 0);
  const lies = [body.length, body.length, body.length, body.length + 1 + random.below(100), 0xffffffff, 0];
  head.writeUInt32BE(random.of(lies), 1);
  return Buffer.concat([head, body]);
}

/** A whole session: the preface, a stream and its message, in frames of a few sizes. @param {Random} random */
function sessionOf(random) {
  const parts = [PREFACE, frame(4, 0, 0, Buffer.alloc(0))];
  for (let stream = 1; stream <= 1 + 2 * random.below(4); stream += 2) {
    parts.push(frame(1, 4, stream, block(headersOf(random))));
    const message = messageOf(random);
    const step = random.of([1000, 16_384, 7]);
    for (let at = 0; at < Math.min(message.length, 200 * step); at += step) {
      const isLast = at + step >= message.length;
      parts.push(frame(0, isLast ? 1 : 0, stream, message.subarray(at, at + step)));
    }
  }
  return Buffer.concat(parts);
}

/** Any bytes at all. @param {Random} random */
function garbage(random) {
  return Buffer.concat([
    random.of([PREFACE, Buffer.alloc(0), PREFACE.subarray(0, 9)]),
    random.bytes(random.below(2000)),
  ]);
}

/** Frames that are not what they say. @param {Random} random */
function frames(random) {
  const parts = [PREFACE];
  for (let count = random.below(40); count >= 0; count -= 1) {
    const payload = random.of([random.bytes(random.below(64)), block(headersOf(random))]);
    const length = random.of([payload.length, payload.length, payload.length, random.below(0xffffff)]);
    parts.push(
      frame(
        random.of(FRAME_TYPES),
        random.below(256),
        random.of([0, 1, 3, 5, 2, 0x7fffffff, 0x80000001]),
        payload,
        length,
      ),
    );
  }
  return Buffer.concat(parts);
}

/** A session with some of its bytes changed, taken out or put twice. @param {Random} random */
function changed(random) {
  let bytes = sessionOf(random);
  for (let count = random.below(6); count >= 0; count -= 1) {
    const at = PREFACE.length + random.below(bytes.length - PREFACE.length);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    const skip = random.below(12);
    bytes = Buffer.concat(
      random.of([
        [before, random.bytes(1), after.subarray(1)],
        [before, after.subarray(skip)],
        [before, after.subarray(0, skip), after],
      ]),
    );
  }
  return bytes;
}

/** A session that ends at any byte. @param {Random} random */
function cut(random) {
  const bytes = sessionOf(random);
  return bytes.subarray(0, random.below(bytes.length));
}

/** Writes bytes, and takes its leave in one of three ways. @param {string} host @param {number} port @param {Random} random @param {Buffer} bytes */
function send(host, port, random, bytes) {
  return new Promise((resolve) => {
    const socket = connect({ host, port, allowHalfOpen: true });
    const timer = setTimeout(() => socket.destroy(), WAIT_MS);
    socket.on("error", () => {}).resume();
    socket.once("close", () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    const leave = random.of([() => socket.destroy(), () => socket.end(), () => {}]);
    socket.write(bytes, leave);
  });
}

/** Proper streams with wrong messages, many of which are reset. @param {string} host @param {number} port @param {Random} random */
function streams(host, port, random) {
  return new Promise((resolve) => {
    const session = connectHttp2(`http://${host}:${port}`);
    session.on("error", () => {});
    session.once("close", () => resolve(undefined));
    setTimeout(() => session.destroy(), WAIT_MS);
    session.once("connect", () => {
      for (let count = random.of([5, 40, 150]); count > 0 && !session.destroyed; count -= 1) {
        const headers = {
          ":method": "POST",
          ":path": random.of(PATHS),
          "content-type": "application/grpc",
          te: "trailers",
        };
        const stream = session.request(headers);
        stream.on("error", () => {}).resume();
        const end = random.of([
          () => stream.close(8),
          () => stream.end(),
          () => {},
          () => setTimeout(() => stream.close(8), 20),
        ]);
        for (let more = random.below(3); more >= 0; more -= 1) stream.write(messageOf(random));
        end();
      }
    });
  });
}

const BYTES = { garbage, frames, changed, cut };

/**
 * @param {string} address such as 127.0.0.1:9000
 * @param {{ seconds: number, seed: number }} options
 * @returns {Promise<Record<string, number>>}
 */
export async function attack(address, { seconds, seed }) {
  const [host = "", port = ""] = address.split(":");
  const until = performance.now() + 1000 * seconds;
  /** @type {Record<string, number>} */
  const counts = {};
  const kinds = /** @type {(keyof typeof BYTES | "streams")[]} */ ([...Object.keys(BYTES), "streams"]);
  const work = async (/** @type {Random} */ random) => {
    while (performance.now() < until) {
      const kind = random.of(kinds);
      counts[kind] = (counts[kind] ?? 0) + 1;
      if (kind === "streams") await streams(host, Number(port), random);
      else await send(host, Number(port), random, BYTES[kind](random));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => work(createRandom(seed * AT_ONCE + index + 1))));
  return counts;
}
