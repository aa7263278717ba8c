/** The graph of the user's own: taken, set, let go. Taking it reads it at once. */
import { type OwnModel, own, reply, waitingLabels } from "../../state.js";
import { cancelWork } from "../../work.js";
import { askIfQuick, readOwn } from "../ask.js";

export function takeGraph(graph: File): void {
  const labels = own.value?.labels ?? waitingLabels.value;
  takeOwn({ graph, labels, settings: {}, examples: [], spec: null, keptSha256: null });
}

export function takeOwn(model: OwnModel): void {
  reply.value = null;
  own.value = model;
  waitingLabels.value = null;
  void readOwn();
}

export function takeLabels(labels: File): void {
  if (own.value === null) {
    waitingLabels.value = labels;
    return;
  }
  reply.value = null;
  own.value = { ...own.value, labels, examples: [], spec: null };
  void readOwn();
}

/** Sets fields of the question, or with empty values leaves them to what the graph says; a photo is asked about anew. */
export function setFields(fields: Readonly<Record<string, string>>): void {
  if (own.value === null) return;
  const settings = Object.fromEntries(
    Object.entries({ ...own.value.settings, ...fields }).filter(([, value]) => value !== ""),
  );
  own.value = { ...own.value, settings };
  askIfQuick();
}

export function forgetOwn(): void {
  cancelWork();
  own.value = null;
  waitingLabels.value = null;
  reply.value = null;
  askIfQuick();
}
