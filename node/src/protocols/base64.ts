/** Encoded images, as JSON of other protocols carries them. */
import { BASE64_CHARACTERS_MIN, type JsonValue } from "../ports.js";

/** What a text in base64 (RFC 4648, sections 4 and 5) stands for; null for anything else. Long ones come as their bytes. */
export function bytesOfBase64(value: JsonValue | undefined): Uint8Array | null {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== "string" || value.length >= BASE64_CHARACTERS_MIN) return null;
  const bytes = Buffer.from(value, "base64");
  // What Node passes over in a text that is no base64 would be missing.
  const isWhole = bytes.toString("base64url") === value.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return isWhole ? bytes : null;
}
