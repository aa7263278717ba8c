/**
 * A graph of the user's own. The service keeps it for a while under its SHA-256: once it has answered with it, later
 * questions name that and do not send the graph again.
 */
import { find } from "./elements.js";

const section = find("own", HTMLDetailsElement);
const graph = find("graph", HTMLInputElement);
const actions = find("own-actions", HTMLElement);
let kept: { readonly graph: File; readonly sha256: string } | null = null;

/** The graph that was chosen. */
export function ownGraph(): File | null {
  return graph.files?.[0] ?? null;
}

/** Whether a question with the chosen graph, or with none, is small. */
export function isQuick(): boolean {
  return ownGraph() === null || kept?.graph === ownGraph();
}

/** Calls `onChange` when a graph was chosen, `onForget` when it was let go. */
export function watchOwnModel(onChange: () => void, onForget: () => void): void {
  graph.addEventListener("change", () => {
    actions.hidden = ownGraph() === null;
    onChange();
  });
  find("forget", HTMLButtonElement).addEventListener("click", () => {
    for (const control of section.querySelectorAll<HTMLInputElement | HTMLSelectElement>("input, select")) {
      control.value = "";
    }
    actions.hidden = true;
    graph.focus();
    onChange();
    onForget();
  });
}

/** Remembers that the service has the chosen graph. */
export function rememberKept(sha256: string): void {
  const chosen = ownGraph();
  kept = chosen && { graph: chosen, sha256 };
}

export function forgetKept(): void {
  kept = null;
}

/** Puts the hash in the place of a graph that the service has. */
export function nameKept(form: FormData): void {
  if (kept !== null && kept.graph === ownGraph()) {
    form.delete("model_file");
    form.set("model_sha256", kept.sha256);
  }
}
