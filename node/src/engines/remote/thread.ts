/**
 * What a remote engine does in worker threads, one call at a time: graphs are resolved, pixels become tensors, and answers
 * become scores, all by the WebAssembly that other engines are asked with.
 */
import { parentPort } from "node:worker_threads";
import { messageOf } from "../../errors.js";
import type { ErrorCode } from "../../generated/contract.js";
import { codeOf, loadWasm, reloadWasm } from "../../wasm-module.js";
import type { Call, FeedCall, Reply, ReplyCall, ResolveCall } from "./thread-calls.js";
import { valuesOfJson, valuesOfRaw } from "./values.js";

let wasm = loadWasm();

parentPort?.on("message", (call: Call) => {
  const reply = replyTo(call);
  const memory = reply.kind === "bytes" ? [reply.bytes.buffer] : reply.kind === "frame" ? [reply.frame.buffer] : [];
  parentPort?.postMessage(reply, memory);
});

function replyTo(call: Call): Reply {
  switch (call.kind) {
    case "resolve":
      return resolve(call);
    case "feed":
      return feed(call);
    case "reply":
      return { kind: "frame", frame: frameOf(call) };
  }
}

function resolve({ graph, requestJson }: ResolveCall): Reply {
  try {
    return { kind: "spec", json: wasm.resolveGraph(Buffer.concat(graph), requestJson) };
  } catch (error) {
    return { kind: "refused", code: knownCode(error), message: messageOf(error) };
  } finally {
    // Memory of WebAssembly never shrinks, and a graph takes much of it once.
    wasm = reloadWasm();
  }
}

function feed({ inputJson, frame, form }: FeedCall): Reply {
  try {
    return { kind: "bytes", bytes: wasm.fedTensor(inputJson, frame, form) };
  } catch (error) {
    return { kind: "frame", frame: refusal(knownCode(error), messageOf(error)) };
  }
}

function frameOf({ fetched, imageCount, batch, valuesPerImage, runMs }: ReplyCall): Uint8Array<ArrayBuffer> {
  let values: Float32Array<ArrayBuffer>;
  try {
    const count = batch * valuesPerImage;
    values =
      "raw" in fetched
        ? valuesOfRaw(fetched.raw, fetched.datatype, count)
        : valuesOfJson(fetched.json, fetched.speech, fetched.output, count);
  } catch (error) {
    return refusal("engine_failed", `the remote server ${messageOf(error)}`);
  }
  return wasm.batchReply(values.subarray(0, imageCount * valuesPerImage), imageCount, runMs);
}

function refusal(code: ErrorCode, message: string): Uint8Array<ArrayBuffer> {
  return wasm.problemReply(JSON.stringify({ code, message }));
}

/** Of what WebAssembly refused; a trap is thrown on, and ends the thread. */
function knownCode(error: unknown): ErrorCode {
  const code = codeOf(error);
  if (code === undefined) throw error;
  return code;
}
