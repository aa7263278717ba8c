/**
 * What an attacker does to take the service from the others. Each attack keeps its clients at work until `isOver`; a
 * question of theirs that is refused is asked again. They come from another address than the honest client, or from the
 * same one.
 */
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { encodePost } from "../../http-client.mjs";
import { slowGraph, tinyGraph } from "../hostile-graphs.mjs";
import { ask, clients, form, graph, image, infer, model, open, PAUSE_MS, sleep } from "./asking.mjs";
import {
  askInBatches,
  exportGraphs,
  sendExamples,
  sendLargeTensors,
  sendOpenGraphs,
  teachAndWatch,
} from "./dear-calls.mjs";
import { FRAME_ATTACKS } from "./frames.mjs";

/** The kinds of `wasm/examples/worst_images`. */
const KINDS = ["jpeg-baseline", "jpeg-progressive", "png", "gif", "bmp", "bmp-runs", "webp-lossy", "webp-lossless"];
/** Bytes that a request of an attacker may have, so that it is the work that counts. */
const REQUEST_BYTES_MAX = 8_000_000;

/** Asks two models about one image, as often in a request as that takes it. */
function worstOf({ worst: images }, kind) {
  const content = images[`${kind}-per-byte`];
  const count = Math.max(1, Math.min(16, Math.floor(REQUEST_BYTES_MAX / content.length)));
  return infer(...Array.from({ length: count }, () => image(content)), model("flowers5"), model("waste6"));
}

const worst = (kind) => ({
  title: `16 clients with the worst ${kind} for its bytes, up to 16 times in a request, for two models`,
  run: clients(16, (target) => worstOf(target, kind)),
});

const worstInTurn = {
  title:
    "16 clients with the worst image of each format for its bytes, in turn, up to 16 times in a request, for two models",
  run: clients(16, (target, client, turn) => worstOf(target, KINDS[(client + turn) % KINDS.length])),
};

/** 16 clients with the image of each kind that takes longest of all, whatever its bytes, in turn. */
const longest = {
  title: "16 clients with the image of each format that takes longest",
  run: clients(16, ({ worst: images }, client, turn) =>
    infer(image(images[`${KINDS[(client + turn) % KINDS.length]}-longest`])),
  ),
};

/** Keeps photos, small ones and the worst of each format in turn, and asks both models of each, again and again. */
function keepAndAsk(count) {
  return (target) =>
    Promise.all(
      Array.from({ length: count }, async (_, client) => {
        for (let turn = 0; !target.isOver(); turn += 1) {
          const kind = KINDS[turn % KINDS.length];
          let answer = "";
          const keep = form("/api/images", [
            image(turn % 2 === client % 2 ? target.photo : target.worst[`${kind}-per-byte`]),
          ]);
          await ask(target, keep, (chunk) => {
            answer += chunk;
          });
          const [, id] = /"id":"([^"]+)"/.exec(answer) ?? [];
          const question = infer({ name: "image_id", content: id ?? "" }, model("flowers5"), model("waste6"));
          for (let asked = 0; id !== undefined && asked < QUESTIONS_OF_KEPT; asked += 1) await ask(target, question);
          await sleep(PAUSE_MS);
        }
      }),
    );
}

const QUESTIONS_OF_KEPT = 4;

/** A full batch of what `flowers5` is fed, its numbers of as many digits as `JSON_BYTES_MAX` takes by default. */
function tensorRequest() {
  const number = "0.1234567890123";
  const data = `[${Array.from({ length: 16 * 144 * 144 * 3 }, () => number).join()}]`;
  const body = `{"inputs":[{"name":"input","datatype":"FP32","shape":[16,144,144,3],"data":${data}}]}`;
  return encodePost("/v2/models/flowers5/infer", { connection: "close" }, Buffer.from(body));
}

/** A field of Protocol Buffers whose value has a length (https://protobuf.dev/programming-guides/encoding/). */
function field(number, ...values) {
  const value = Buffer.concat(values.map((part) => Buffer.from(part)));
  const length = [];
  for (let rest = value.length; rest > 0 || length.length === 0; rest = Math.floor(rest / 128)) {
    length.push((rest % 128) + (rest >= 128 ? 128 : 0));
  }
  return Buffer.concat([Buffer.of(number * 8 + 2, ...length), value]);
}

/** A message of gRPC: `ModelInfer` of so many photos. */
function modelInfer(photo, count) {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(photo.length);
  const input = field(5, field(1, "image"), field(2, "BYTES"), field(3, Buffer.of(count)));
  const photos = Array.from({ length: count }, () => [length, photo]).flat();
  const message = Buffer.concat([field(1, "flowers5"), input, field(7, ...photos)]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Asks on one connection of the gRPC port, so many calls at once, again and again. */
async function askByGrpc({ grpcPort, from, isOver }, message, callCount) {
  const createConnection = () => connect({ port: grpcPort, host: "127.0.0.1", localAddress: from });
  while (!isOver()) {
    const session = connectHttp2(`http://127.0.0.1:${grpcPort}`, { createConnection });
    session.on("error", () => {});
    const call = () =>
      new Promise((resolve) => {
        const stream = session.request({
          ":method": "POST",
          ":path": "/inference.GRPCInferenceService/ModelInfer",
          "content-type": "application/grpc",
          te: "trailers",
        });
        stream.on("error", () => {}).on("close", resolve);
        stream.resume().end(message);
      });
    await Promise.all(
      Array.from({ length: callCount }, async () => {
        while (!isOver() && !session.destroyed) await call();
      }),
    );
    session.destroy();
    await sleep(PAUSE_MS);
  }
}

/** A photo as a body that is parsed byte by byte. */
function byteByByte({ photo }, host) {
  const head = `POST /infer HTTP/1.1\r\nhost: ${host}\r\ncontent-type: image/jpeg\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n`;
  const chunks = [...photo].flatMap((byte) => [Buffer.from("1\r\n"), Buffer.of(byte), Buffer.from("\r\n")]);
  return Buffer.concat([Buffer.from(head), ...chunks, Buffer.from("0\r\n\r\n")]);
}

function sendByteByByte(target) {
  const request = byteByByte(target, "localhost");
  return clients(32, () => request)(target);
}

/** Asks for what is refused, and waits for no answer. */
async function beRefused(target) {
  const request = byteByByte(target, "elsewhere.example");
  while (!target.isOver()) {
    open(target)
      .setTimeout(REFUSED_MS_MAX, function leave() {
        this.destroy();
      })
      .resume()
      .write(request);
    await sleep(1000 / REFUSED_A_SECOND);
  }
}

const REFUSED_A_SECOND = 60;
const REFUSED_MS_MAX = 10_000;

/** Such bodies on more connections than the service has places, and away before they are parsed. */
async function sendByteByByteAndLeave(target) {
  const request = byteByByte({ photo: Buffer.alloc(LEFT_BYTES) }, "localhost");
  const leave = () =>
    new Promise((resolve) => {
      const socket = open(target).on("close", resolve);
      socket.write(request);
      setTimeout(() => socket.destroy(), LEAVE_MS);
    });
  while (!target.isOver()) await Promise.all(Array.from({ length: 450 }, leave));
}

const LEFT_BYTES = 240_000;
const LEAVE_MS = 3000;

/** Files of the page, many on one connection at once, of which nothing is read. */
async function pipelineUnread(target) {
  const sockets = [];
  const request = Buffer.from("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(30));
  while (!target.isOver()) {
    if (sockets.length < 64) sockets.push(open(target).pause());
    for (const socket of sockets) if (socket.writable && socket.writableLength === 0) socket.write(request);
    await sleep(PAUSE_MS);
  }
  for (const socket of sockets) socket.destroy();
}

/** Connects, asks one thing and resets the connection, so that no port of its own is used up, without a pause. */
async function connectAnew(target) {
  const request = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
  const visit = () =>
    new Promise((resolve) => {
      const socket = open(target).on("close", resolve);
      socket.write(request);
      socket.once("data", () => socket.resetAndDestroy());
    });
  await Promise.all(
    Array.from({ length: 256 }, async () => {
      while (!target.isOver()) await visit();
    }),
  );
}

/** Bodies of tiny chunks that begin once their request is answered. */
async function sendAfterAnswers(target) {
  const head = "POST /nowhere HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
  const chunks = Buffer.from("1\r\nx\r\n".repeat(200_000));
  const send = () =>
    new Promise((resolve) => {
      const socket = open(target).on("close", resolve);
      socket.write(head);
      socket.once("data", () => socket.resume().write(chunks));
      setTimeout(() => socket.destroy(), LEAVE_MS);
    });
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      while (!target.isOver()) {
        await send();
        await sleep(PAUSE_MS);
      }
    }),
  );
}

/** Six photos on one connection at once, and away. */
async function pipelineAndLeave(target) {
  const request = encodePost("/infer", { "content-type": "image/jpeg" }, target.photo);
  while (!target.isOver()) {
    const socket = open(target);
    socket.write(Buffer.concat(Array.from({ length: 6 }, () => request)), () => {
      setTimeout(() => socket.resetAndDestroy(), 20);
    });
    await sleep(PAUSE_MS);
  }
}

/** Asks for much and reads nothing. */
function readNothing(request) {
  return async (target) => {
    const sockets = Array.from({ length: 64 }, () => {
      const socket = open(target);
      socket.write(request);
      socket.pause();
      return socket;
    });
    while (!target.isOver()) await sleep(100);
    for (const socket of sockets) socket.destroy();
  };
}

/** Large bodies, declared and never sent to the end, at a pace just above the least. */
async function writeSlowly(target) {
  const head =
    "POST /infer HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: 200000000\r\n\r\n" +
    '--x\r\ncontent-disposition: form-data; name="model_file"; filename="g"\r\n\r\n';
  const sockets = Array.from({ length: 64 }, () => {
    const socket = open(target);
    socket.write(head);
    return socket;
  });
  while (!target.isOver()) {
    for (const socket of sockets) if (socket.writable) socket.write(Buffer.alloc(300));
    await sleep(200);
  }
  for (const socket of sockets) socket.destroy();
}

/** More connections than there may be, all idle. */
async function sitIdle(target) {
  const sockets = [];
  while (!target.isOver()) {
    if (sockets.length < 1200) sockets.push(...Array.from({ length: 100 }, () => open(target)));
    await sleep(100);
  }
  for (const socket of sockets) socket.destroy();
}

const seed = (client, turn) => 1e6 * client + turn;

/** @type {Record<string, import("./asking.mjs").Attack>} */
export const ATTACKS = {
  pipelining: { title: "clients that pipeline six photos and leave", run: pipelineAndLeave },
  tiny: {
    title: "32 clients with ever-new graphs of 1 kB",
    run: clients(32, ({ photo }, client, turn) => infer(graph(tinyGraph(seed(client, turn))), image(photo))),
  },
  slow: {
    title: "32 clients with slow graphs",
    run: clients(32, ({ photo }, client, turn) => infer(graph(slowGraph(4, seed(client, turn))), image(photo))),
  },
  batch: {
    title: "16 clients with 16 photos for two models in each request",
    run: clients(16, ({ photo }) =>
      infer(...Array.from({ length: 16 }, () => image(photo)), model("flowers5"), model("waste6")),
    ),
  },
  pictures: {
    title: "16 clients that ask for pictures of everything",
    run: clients(16, ({ photo }) =>
      infer(...Array.from({ length: 16 }, () => image(photo)), model("flowers5"), { name: "picture", content: "1" }),
    ),
  },
  maps: {
    title: "16 clients that ask for the finest maps of what answers hang on",
    run: clients(16, ({ photo }, client) =>
      form("/api/explain?detail=32", [
        image(photo),
        { name: "method", content: client % 2 === 0 ? "rise" : "occlusion" },
      ]),
    ),
  },
  keeps: {
    title: "16 clients that keep images, small and worst ones, and ask of each again and again",
    run: keepAndAsk(16),
  },
  tensors: {
    title: "16 clients with 16 tensors as JSON of 16 MB in each request",
    run: (target) => {
      const request = tensorRequest();
      return clients(16, () => request)(target);
    },
  },
  bodies: {
    title: "16 clients with 384 MB of images in each request, as one tensor of bytes",
    run: sendLargeTensors,
  },
  chunks: { title: "32 clients whose photos come in chunks of one byte", run: sendByteByByte },
  refused: {
    title: "60 requests a second that are refused, whose photos come in chunks of one byte",
    run: beRefused,
  },
  leaving: {
    title: "450 connections whose photos come in chunks of one byte, and that leave",
    run: sendByteByByteAndLeave,
  },
  unread: { title: "64 connections that ask for the page again and again and read nothing", run: pipelineUnread },
  churn: { title: "256 clients that connect, ask for the page and close, without a pause", run: connectAnew },
  "after answers": {
    title: "32 clients whose bodies come in chunks of one byte once they are answered",
    run: sendAfterAnswers,
  },
  exports: { title: "16 clients that export a graph as ONNX, again and again", run: exportGraphs },
  examples: {
    title: "16 clients with ever-new graphs and 16 labelled photos that decide about each",
    run: sendExamples,
  },
  sides: {
    title: "16 clients with ever-new graphs for any side of the input and 16 labelled photos that decide about each",
    run: sendOpenGraphs,
  },
  teaching: {
    title: "4 clients that teach models one after another, and 32 that read how their jobs are",
    run: teachAndWatch,
  },
  batches: { title: "64 connections that ask about one photo after another, as batches do", run: askInBatches },
  grpc: {
    title: "16 clients of the gRPC port with four calls at once, of 16 photos each",
    run: (target) => {
      const message = modelInfer(target.photo, 16);
      return Promise.all(Array.from({ length: 16 }, () => askByGrpc(target, message, 4)));
    },
  },
  ...FRAME_ATTACKS,
  "slow readers": {
    title: "64 connections that ask for a graph and read nothing",
    run: readNothing("GET /api/models/flowers5/graph HTTP/1.1\r\nhost: localhost\r\n\r\n"),
  },
  "slow writers": { title: "64 uploads that come at the least pace", run: writeSlowly },
  idle: { title: "1,200 idle connections", run: sitIdle },
  "longest images": longest,
  "worst images": worstInTurn,
  ...Object.fromEntries(KINDS.map((kind) => [`worst ${kind}`, worst(kind)])),
};

ATTACKS.all = {
  title: "all of them together",
  run: (target) =>
    Promise.all(
      Object.entries(ATTACKS)
        .filter(([name]) => name !== "all")
        .map(([, { run }]) => run(target)),
    ),
};

/** Without those whose images another one has too. */
export const SHORT = Object.keys(ATTACKS).filter((name) => !KINDS.some((kind) => name === `worst ${kind}`));
