/** The client for what a remote server speaks. */
import { readFileSync, statSync } from "node:fs";
import { AppError, messageOf } from "../../errors.js";
import type { RemoteAddress } from "./address.js";
import { HttpClient } from "./http-client.js";
import type { RemoteServer } from "./server.js";
import { tfServingOverHttp } from "./tfs-http.js";
import { v2OverHttp } from "./v2-http.js";

/** How long a token that was read is taken for the one in its file. */
const TOKEN_MS = 10_000;
const TOKEN_BYTES_MAX = 16_384;

/** Nothing is asked yet. `requestsMax` runs are with it at once. Rejects with an `AppError` for a token file that cannot be read. */
export async function openRemoteServer(
  address: RemoteAddress,
  requestsMax: number,
  tokenFile: string | null,
): Promise<RemoteServer> {
  const token = tokenFile === null ? () => null : tokenOf(tokenFile);
  token();
  if (address.speech === "v2+grpc") {
    const { v2OverGrpc } = await import("./v2-grpc.js");
    return v2OverGrpc(address, token);
  }
  const http = new HttpClient(address, requestsMax, token);
  return address.speech === "v2+http" ? v2OverHttp(http) : tfServingOverHttp(http);
}

/** What the file holds: tokens are replaced while a service runs, and what cannot be read then leaves the last one. */
function tokenOf(file: string): () => string {
  let token: string | null = null;
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (token !== null && now - readAt < TOKEN_MS) return token;
    readAt = now;
    try {
      token = readToken(file);
    } catch (error) {
      if (token === null) throw error;
    }
    return token;
  };
}

/** @throws AppError `field_invalid`, which does not show what stands there. */
function readToken(file: string): string {
  let token: string;
  try {
    if (statSync(file).size > TOKEN_BYTES_MAX) throw new Error("it is too large");
    token = readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new AppError("field_invalid", `REMOTE_TOKEN_FILE=${file} cannot be read: ${messageOf(error)}.`);
  }
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new AppError("field_invalid", `REMOTE_TOKEN_FILE=${file} must hold one token on one line.`);
}
