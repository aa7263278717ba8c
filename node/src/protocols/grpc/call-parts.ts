/** What a call tells of itself before its message. */
import type { Http2Server, ServerHttp2Stream } from "node:http2";
import type { Metadata, Server, ServerInterceptingCallInterface } from "@grpc/grpc-js";
import type { Asking } from "../../front/caller.js";
import type { MessageFrames } from "./message-frames.js";

export function askingOf(metadata: Metadata, remoteAddress: string | undefined): Asking {
  const names = ["authorization", "x-api-key", "x-forwarded-for"];
  const headers = names.flatMap((name) => {
    const text = textOf(metadata, name);
    return text === undefined ? [] : [[name, text] as const];
  });
  return { headers: Object.fromEntries(headers), socket: { remoteAddress } };
}

export function textOf(metadata: Metadata, name: string): string | undefined {
  const values = metadata.get(name);
  return values.length === 0 ? undefined : values.join(", ");
}

/**
 * The stream of a call. The library keeps it to itself, and gives messages whole or not at all: what has come of one
 * could be counted nowhere else. So its minor version is pinned, and `grpc.test.ts` fails where it is not there.
 */
export function streamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream {
  const { stream } = call as ServerInterceptingCallInterface & { readonly stream?: ServerHttp2Stream };
  if (stream === undefined) throw new Error("this version of @grpc/grpc-js does not show the stream of a call");
  return stream;
}

/** The server of HTTP/2 beneath, which alone hears of calls whose method is not there. */
export function http2ServerOf(server: Server): Http2Server {
  const { http2Servers } = server as unknown as { readonly http2Servers?: ReadonlyMap<Http2Server, unknown> };
  const [http2Server] = http2Servers?.keys() ?? [];
  if (http2Server === undefined) throw new Error("this version of @grpc/grpc-js does not show its server of HTTP/2");
  return http2Server;
}

/** Has the library take messages as these frames put them together, who hear of each chunk before it. */
export function readMessagesOf(call: ServerInterceptingCallInterface, frames: MessageFrames): void {
  const { decoder } = call as ServerInterceptingCallInterface & {
    readonly decoder?: { write(chunk: Buffer): Buffer[] };
  };
  if (decoder === undefined) throw new Error("this version of @grpc/grpc-js does not show the decoder of a call");
  decoder.write = () => frames.handOut();
}
