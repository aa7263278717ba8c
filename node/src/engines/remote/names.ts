/** Which model of the remote server answers for a model of this service. */
import type { ModelIdentity } from "../../ports.js";

/** A model as the remote server names it. */
export interface RemoteName {
  readonly name: string;
  /** Null for the one that it serves. */
  readonly version: string | null;
}

/** A line of `REMOTE_MODELS`. */
export interface NamedElsewhere {
  readonly id: string;
  /** Null for every version that no other line names. */
  readonly version: string | null;
  readonly remote: RemoteName;
}

/**
 * The name that was set for a model; null where none was, and it is called the same there.
 */
export function nameElsewhere(
  names: readonly NamedElsewhere[],
  { id, version }: Pick<ModelIdentity, "id" | "version">,
): RemoteName | null {
  const lines = names.filter((line) => line.id === id);
  const line = lines.find((named) => named.version === version) ?? lines.find((named) => named.version === null);
  return line?.remote ?? null;
}
