/** What was said of answers. It outlives the tiles of a grid, which come and go with what is shown of it. */
import { type Signal, signal } from "@preact/signals";
import { type Asked, Refusal, sayWhatItWas } from "../api.js";
import { announcement } from "../state.js";

/** What of an answer is needed to say what it should have been. */
export interface Answered {
  readonly model: { readonly id: string };
  readonly label: string;
  /** Best first. */
  readonly top: readonly { readonly label: string }[];
  readonly asked?: Asked | undefined;
}

export interface Said {
  /** Null while nothing was. */
  readonly label: string | null;
  /** Why the last word was not taken; null where it was. */
  readonly problem: string | null;
}

const NOTHING: Said = { label: null, problem: null };
const known = new Map<string, Signal<Said>>();

export function saidOf({ requestId, index }: Asked): Signal<Said> {
  const name = `${index} ${requestId}`;
  const found = known.get(name) ?? signal(NOTHING);
  known.set(name, found);
  return found;
}

/** Shows it at once, and takes it back where the service does not take it. */
export async function say(asked: Asked, label: string): Promise<void> {
  const said = saidOf(asked);
  const before = said.value;
  said.value = { label, problem: null };
  try {
    await sayWhatItWas(asked, label);
    announcement.value = `Remembered: ${label}.`;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    said.value = { label: before.label, problem: error.message };
    announcement.value = error.message;
  }
}
