import { setMaxListeners } from "node:events";
import type { ModelChoice, ModelSettings, Models, OpenModel, Party, Visit } from "../../src/ports.js";

/** Somebody who asks, and waits for as long as it takes. */
export function party(caller = "somebody", signal: AbortSignal = new AbortController().signal): Party {
  setMaxListeners(0, signal);
  return { caller, request: {}, signal, hold: () => () => {} };
}

/** A request of theirs; `charged` is told what its message takes. */
export function visitor(charged: (bytes: number) => void = () => {}): Visit {
  return {
    ...party(),
    asker: null,
    charge: charged,
    chargeAnswer: () => {},
    answerWithin: () => {},
    run: (work) => work(),
    leave: () => {},
  };
}

/** A model as it is while it is used. */
export function open(
  models: Models,
  choice: ModelChoice,
  settings: ModelSettings,
  by: Party = party(),
): Promise<OpenModel> {
  return models.use(choice, settings, by, async (model) => model);
}
