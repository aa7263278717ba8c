/**
 * The select of the zoo's models. It stays hidden when their list cannot be had: the default model answers without it.
 */
import type { Accuracy } from "../../src/generated/contract.js";
import { find } from "./elements.js";
import { askForKey, keyHeaders } from "./key.js";
import { ownGraph } from "./own-model.js";

/** What the page reads of one entry of `GET /api/models`. */
export interface ListedModel {
  readonly id: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: boolean;
  readonly accuracy?: Accuracy | null;
  readonly state?: "available" | "loading" | "failed" | "not fetched";
}

const select = find("model", HTMLSelectElement);
const help = find("model-help", HTMLElement);
let descriptions = new Map<string, string>();

/** Fills the select; `onChange` is called when another model is chosen. */
export async function offerModels(onChange: () => void): Promise<void> {
  const models = (await listModels()).filter(({ state }) => state === "available" || state === "loading");
  if (models.length === 0 || select.length > 0) {
    return;
  }
  for (const model of models) {
    select.add(
      new Option(model.title ? `${model.title} (${model.id})` : model.id, model.id, model.default, model.default),
    );
  }
  descriptions = new Map(models.map((model) => [model.id, describe(model)]));
  showPrecedence();
  find("zoo", HTMLElement).hidden = false;
  select.addEventListener("change", () => {
    showPrecedence();
    onChange();
  });
}

/** A graph of the user's own comes before the zoo. A disabled select is not sent. */
export function showPrecedence(): void {
  const own = ownGraph() !== null;
  select.disabled = own || select.length === 0;
  help.textContent = own ? "Your own model answers, not this one." : (descriptions.get(select.value) ?? "");
}

function describe({ description = "", accuracy }: ListedModel): string {
  return accuracy
    ? `${description} Right on ${(100 * accuracy.top1).toFixed(1)} % of ${accuracy.photos} ${accuracy.split} photos.`
    : description;
}

async function listModels(): Promise<readonly ListedModel[]> {
  try {
    const response = await fetch("api/models", { headers: { Accept: "application/json", ...keyHeaders() } });
    if (response.status === 401) {
      askForKey();
    }
    const body: unknown = response.ok ? await response.json() : null;
    const list = typeof body === "object" && body !== null && "models" in body ? body.models : body;
    return Array.isArray(list) ? (list as ListedModel[]) : [];
  } catch {
    return [];
  }
}
