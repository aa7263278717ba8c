import { webcrypto } from "node:crypto";

/** SHA-256 in lower-case hex, computed on the thread pool: the event loop hashes no large bodies. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest("SHA-256", bytes)).toString("hex");
}
