/** `ENGINE` as the address of a server that runs tensors. */

/** What the server speaks: the Open Inference Protocol over HTTP or gRPC, or TensorFlow Serving's REST. */
export type Speech = "v2+http" | "v2+grpc" | "tfs+http";

export interface RemoteAddress {
  readonly speech: Speech;
  /** Whether TLS carries it. */
  readonly secure: boolean;
  /** With its port: that of HTTP where the address names none. */
  readonly host: string;
  /** Before the paths of the protocol, without a slash at its end; empty mostly. */
  readonly path: string;
}

/** Null where a service runs its graphs itself. `text` is one that the settings take. */
export function remoteAddressOf(text: string): RemoteAddress | null {
  const [, speech, secure = "", rest = ""] = /^(v2\+http|v2\+grpc|tfs\+http)(s?):\/\/(.+)$/.exec(text) ?? [];
  if (speech === undefined) return null;
  const { hostname, port, pathname } = new URL(`${secure === "" ? "http" : "https"}://${rest}`);
  const host = `${hostname}:${port || (secure === "" ? 80 : 443)}`;
  return { speech: speech as Speech, secure: secure !== "", host, path: pathname.replace(/\/+$/, "") };
}
