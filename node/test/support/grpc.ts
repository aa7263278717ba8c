/** Calls as the library's own client makes them, each resolved with everything that came back. */
import {
  type CallOptions,
  Client,
  type ClientOptions,
  type ClientUnaryCall,
  credentials,
  Metadata,
  status,
} from "@grpc/grpc-js";
import type { MethodDefinition, ServiceDefinition } from "@grpc/proto-loader";
import { service as HEALTH } from "grpc-health-check";
import { loadMessages } from "../../src/grpc-messages.js";

const DEFINITION = { ...loadMessages().definition(), "grpc.health.v1.Health": HEALTH };

export interface Answered {
  /** Name of the status. */
  readonly status: string;
  readonly details: string;
  /** Trailing metadata. */
  readonly trailers: Record<string, string>;
  readonly answer: unknown;
}

export interface Asking {
  readonly metadata?: Record<string, string>;
  readonly options?: CallOptions;
  /** Given the call once it has begun. */
  readonly begun?: (call: ClientUnaryCall) => void;
}

export function openClient(address: string, options: ClientOptions = {}): Client {
  return new Client(address, credentials.createInsecure(), { "grpc.max_receive_message_length": -1, ...options });
}

/** `path` is such as `inference.GRPCInferenceService/ServerLive`. */
export function methodOf(path: string): MethodDefinition<object, object> {
  const [service = "", name = ""] = path.split("/");
  const method = (DEFINITION[service as keyof typeof DEFINITION] as ServiceDefinition | undefined)?.[name];
  if (method === undefined) throw new Error(`no method ${path}`);
  return method;
}

export function ask(client: Client, path: string, request: object, asking: Asking = {}): Promise<Answered> {
  const { requestSerialize } = methodOf(path);
  return askBytes(client, path, requestSerialize(request), asking);
}

/** As `ask`, with a message that may be none. */
export function askBytes(
  client: Client,
  path: string,
  message: Buffer,
  { metadata = {}, options = {}, begun = () => {} }: Asking = {},
): Promise<Answered> {
  const sent = new Metadata();
  for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
  return new Promise((resolve) => {
    let answer: unknown = null;
    const take = (bytes: Buffer) => methodOf(path).responseDeserialize(bytes);
    const call = client.makeUnaryRequest(
      `/${path}`,
      (bytes: Buffer) => bytes,
      take,
      message,
      sent,
      options,
      (_, value) => {
        answer = value ?? null;
      },
    );
    call.on("status", ({ code, details, metadata: trailing }) => {
      const trailers = Object.fromEntries(
        Object.entries(trailing.getMap()).map(([name, value]) => [name, String(value)]),
      );
      resolve({ status: status[code], details, trailers, answer });
    });
    begun(call);
  });
}
