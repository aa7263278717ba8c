/** A model on a card. */
import { isBeingFetched, type ListedModel } from "../api.js";
import { Facts } from "../components/facts.js";
import { counted, megabytes, percent, size } from "../format.js";
import { addressOf } from "../route.js";
import { labelWith } from "./labels.js";

export const STATES: Readonly<Record<ListedModel["state"], string>> = {
  available: "ready",
  loading: "is loading",
  failed: "failed",
  "not fetched": "not fetched",
  unloaded: "unloaded",
};

export function Card({ model, wanted }: { readonly model: ListedModel; readonly wanted: string }) {
  const { id, title, description, state, registered } = model;
  const match = wanted === "" ? undefined : labelWith(id, wanted);
  const canAnswer = state === "available" || state === "loading";
  return (
    <li class={`card ${state.replace(" ", "-")}`}>
      <h2>
        <a href={addressOf({ view: "model", id })} dir="auto">
          {title || id}
        </a>
      </h2>
      <p class="tags">
        <span class={`tag ${state.replace(" ", "-")}`}>{STATES[state]}</span>
        {model.default && <span class="tag">the default</span>}
        {registered && <span class="tag">registered</span>}
        {isBeingFetched(model) && <span class="tag">being fetched</span>}
      </p>
      <p dir="auto">{description}</p>
      {match !== undefined && (
        <p class="small">
          It knows <b dir="auto">{match}</b>.
        </p>
      )}
      {model.problem !== null && <p class="wrong">{model.problem}</p>}
      <Facts rows={factsOf(model)} />
      {canAnswer && (
        <p class="actions">
          <a class="button" href={addressOf({ view: "classify", model: model.default ? null : id, other: null })}>
            Classify with it<span class="unseen">: {title || id}</span>
          </a>
        </p>
      )}
    </li>
  );
}

export function factsOf(model: ListedModel): readonly (readonly [string, string])[] {
  const { id, classes, input, licence, accuracy, memory_bytes, versions, served, loaded } = model;
  return [
    ["Id", id],
    ["Classes", classes === null ? "not stated" : counted(classes, "class", "classes")],
    ["Input", input.width === null ? "not stated" : `${size(input.width, input.height)} pixels`],
    ["Licence", licence === "NOASSERTION" ? "not stated" : licence],
    [
      "Accuracy",
      accuracy ? `${percent(accuracy.top1)} of ${accuracy.photos} ${accuracy.split} photos` : "not measured",
    ],
    ["Memory", memory_bytes === null ? (loaded ? "not measured" : "not loaded") : megabytes(memory_bytes)],
    [
      versions.length > 1 ? "Versions" : "Version",
      versions.map((one) => (one === served && versions.length > 1 ? `${one} (served)` : one)).join(", "),
    ],
  ];
}
