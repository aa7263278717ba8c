/**
 * The API key, for a service that wants one. It stays in this tab's memory of this address, and its field has no name, so
 * that no form carries it.
 */
import { find } from "./elements.js";

const STORED_AS = "api-key";

const section = find("access", HTMLElement);
const input = find("key", HTMLInputElement);

/** The headers of every call. */
export function keyHeaders(): Record<string, string> {
  const key = sessionStorage.getItem(STORED_AS);
  return key ? { "X-API-Key": key } : {};
}

/** Shows the field. */
export function askForKey(): void {
  section.hidden = false;
}

/** Calls `onKey` when a key was entered. */
export function watchKey(onKey: () => void): void {
  input.value = sessionStorage.getItem(STORED_AS) ?? "";
  section.hidden = input.value === "";
  input.addEventListener("change", () => {
    // A header takes nothing else, and keys have nothing else.
    sessionStorage.setItem(STORED_AS, input.value.replace(/[^!-~]/g, ""));
    onKey();
  });
}
