import { setMaxListeners } from "node:events";
import { AppError } from "../errors.js";
import type { Party } from "../ports.js";
import { unlessAborted } from "../unless-aborted.js";

/** Work that this program does for itself, until its deadline. */
export async function onOwnBehalf<T>(msMax: number, work: (party: Party) => Promise<T>): Promise<T> {
  const deadline = new AbortController();
  setMaxListeners(0, deadline.signal);
  const timer = setTimeout(() => {
    deadline.abort(new AppError("engine_timeout", `It was not answered within ${msMax} ms.`));
  }, msMax);
  const party: Party = { caller: "this program", request: deadline, signal: deadline.signal, hold: () => () => {} };
  try {
    return await unlessAborted(party.signal, work(party));
  } finally {
    clearTimeout(timer);
  }
}
