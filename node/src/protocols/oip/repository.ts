/** The model repository extension: which models there are, and taking them in and out of service. */
import { AppError } from "../../errors.js";
import type { JsonValue, ModelListing, Models } from "../../ports.js";

export interface IndexEntry {
  readonly name: string;
  /** The one that is served. */
  readonly version: string;
  readonly state: "READY" | "LOADING" | "UNAVAILABLE";
  /** Why it is unavailable. */
  readonly reason: string;
}

export function repositoryIndex(models: Models, isReadyOnly: boolean): IndexEntry[] {
  const entries = models.list().map(entryOf);
  return isReadyOnly ? entries.filter(({ state }) => state === "READY") : entries;
}

function entryOf({ model, state, problem }: ModelListing): IndexEntry {
  const { id: name, version } = model.manifest;
  if (state === "available") return { name, version, state: "READY", reason: "" };
  if (state === "loading") return { name, version, state: "LOADING", reason: "" };
  return { name, version, state: "UNAVAILABLE", reason: problem ?? state };
}

/**
 * The `parameters` of a load. Triton takes a configuration or files in them; here models come by `POST /api/models`.
 * @throws AppError `field_invalid`.
 */
export function checkLoadParameters(parameters: Readonly<Record<string, JsonValue>>): void {
  const name = Object.keys(parameters).find((name) => name === "config" || name.startsWith("file:"));
  if (name === undefined) return;
  const detail = `A load takes no ${JSON.stringify(name.slice(0, 100))}; register models with POST /api/models.`;
  throw new AppError("field_invalid", detail);
}
