/** The Open Inference Protocol, version 2, over gRPC, as its client: the messages of `node/protos/inference.proto`. */
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { AppError, EngineError } from "../../errors.js";
import { REPLY_BYTES_MAX } from "../../generated/contract.js";
import { loadMessages, type MethodMessages } from "../../grpc-messages.js";
import { printable } from "../../printable.js";
import type { RemoteAddress } from "./address.js";
import type { RemoteName } from "./names.js";
import { tooLate, tooLong, unreachable } from "./problems.js";
import type { Fetched, RemoteServer, Run, ToldTensor } from "./server.js";

const SERVICE = "inference.GRPCInferenceService";
/** Of an answer: the scores, with room for names and shapes. */
const ANSWER_BYTES_MAX = REPLY_BYTES_MAX + 65_536;
/** How long the library rests before it connects again. */
const RECONNECT_MS_MAX = 1000;

interface Long {
  toNumber(): number;
}

interface TensorMessage {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly Long[];
  readonly contents?: { readonly fp32_contents: readonly number[] } | null;
}

interface AnswerMessage {
  readonly outputs: readonly TensorMessage[];
  readonly raw_output_contents: readonly Uint8Array[];
}

export function v2OverGrpc({ secure, host }: RemoteAddress, token: () => string | null): RemoteServer {
  const messages = loadMessages();
  const client = new Client(host, secure ? credentials.createSsl() : credentials.createInsecure(), {
    "grpc.max_receive_message_length": ANSWER_BYTES_MAX,
    "grpc.max_send_message_length": -1,
    "grpc.initial_reconnect_backoff_ms": Math.min(200, RECONNECT_MS_MAX),
    "grpc.max_reconnect_backoff_ms": RECONNECT_MS_MAX,
    // One attempt a call, to the host that the operator named and to no proxy of the environment.
    "grpc.enable_retries": 0,
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
  });
  const ask = (name: string, request: object, msMax: number): Promise<unknown> => {
    const path = `${SERVICE}/${name}`;
    return unary(client, path, messages.find(path), request, msMax, token());
  };
  return {
    form: "raw",
    async probe(msMax) {
      const [ready, server] = await Promise.all([
        ask("ServerReady", {}, msMax) as Promise<{ ready: boolean }>,
        ask("ServerMetadata", {}, msMax) as Promise<{ name: string; version: string }>,
      ]);
      if (!ready.ready) throw new AppError("engine_unavailable", "The remote server is not ready.");
      return { name: server.name, version: server.version };
    },
    async describe(model, msMax) {
      const { versions, inputs, outputs } = (await ask("ModelMetadata", nameOf(model), msMax)) as {
        versions: readonly string[];
        inputs: readonly TensorMessage[];
        outputs: readonly TensorMessage[];
      };
      return { versions, inputs: inputs.map(toldOf), outputs: outputs.map(toldOf) };
    },
    async run(run) {
      const { name, version } = nameOf(run.model);
      const request = {
        model_name: name,
        model_version: version,
        inputs: [run.input],
        outputs: run.output === null ? [] : [{ name: run.output }],
        raw_input_contents: [run.values],
      };
      return fetchedOf((await ask("ModelInfer", request, run.msMax)) as AnswerMessage, run);
    },
    close: () => client.close(),
  };
}

function nameOf({ name, version }: RemoteName) {
  return { name, version: version ?? "" };
}

function toldOf({ name, datatype, shape }: TensorMessage): ToldTensor {
  return { name, datatype, shape: shape.map((axis) => axis.toNumber()) };
}

function fetchedOf({ outputs, raw_output_contents: raws }: AnswerMessage, { output, bytesMax }: Run): Fetched {
  const at = output === null ? 0 : outputs.findIndex(({ name }) => name === output);
  const found = outputs[at];
  if (found === undefined) throw new AppError("engine_failed", "The remote server answered no such output.");
  const raw = raws[at] ?? Buffer.from(Float32Array.from(found.contents?.fp32_contents ?? []).buffer);
  if (raw.length > bytesMax) throw tooLong(bytesMax);
  return { raw, datatype: found.datatype };
}

function unary(
  client: Client,
  path: string,
  { encodeRequest, decodeAnswer }: MethodMessages,
  request: object,
  msMax: number,
  token: string | null,
): Promise<unknown> {
  const metadata = new Metadata();
  if (token !== null) metadata.set("authorization", `Bearer ${token}`);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/${path}`,
      encodeRequest,
      (bytes: Buffer) => bytes,
      request,
      metadata,
      { deadline: Date.now() + msMax },
      (error, bytes) => {
        if (error !== null) return reject(problemOf(error, msMax));
        try {
          resolve(decodeAnswer(bytes ?? Buffer.alloc(0)));
        } catch (cause) {
          reject(new AppError("engine_failed", "The remote server's answer cannot be read.", { cause }));
        }
      },
    );
  });
}

/** What a status stands for, https://grpc.github.io/grpc/core/md_doc_statuscodes.html; the server's words are for the log. */
function problemOf({ code, details }: ServiceError, msMax: number): AppError {
  const name = status[code] ?? String(code);
  const cause = new Error(`it answered ${name}: ${printable(details.slice(0, 300))}`);
  switch (code) {
    case status.DEADLINE_EXCEEDED:
      return tooLate(msMax, cause);
    case status.UNAVAILABLE:
      return unreachable(cause);
    case status.NOT_FOUND: {
      const detail = "The remote server does not have the model (NOT_FOUND).";
      return new EngineError("engine_unavailable", "running", detail, { cause });
    }
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED: {
      const detail = `The remote server refuses this service (${name}); REMOTE_TOKEN_FILE holds what it asks for.`;
      return new AppError("engine_unavailable", detail, { cause });
    }
    case status.RESOURCE_EXHAUSTED: {
      // The library says so of an answer that it does not take, too.
      if (details.startsWith("Received message larger")) return tooLong(ANSWER_BYTES_MAX);
      const detail = `The remote server takes no requests now (${name}).`;
      return new AppError("engine_unavailable", detail, { cause, retryAfterSeconds: 1 });
    }
    default:
      return new EngineError("engine_failed", "running", `The remote server answered with ${name}.`, { cause });
  }
}
