/** SHA-256 in lower-case hex, also where a browser hashes nothing: at addresses without TLS. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const { bytesToHex } = await import("@noble/hashes/utils.js");
  const { subtle } = globalThis.crypto as { readonly subtle?: typeof crypto.subtle };
  if (subtle !== undefined) return bytesToHex(new Uint8Array(await subtle.digest("SHA-256", bytes)));
  const { sha256: hash } = await import("@noble/hashes/sha2.js");
  return bytesToHex(hash(bytes));
}
