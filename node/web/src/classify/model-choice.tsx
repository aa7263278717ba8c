/**
 * Which models answer. The choice stands in the address, so that a link carries it. It is not there while the list cannot
 * be had: the default model answers without it.
 */
import type { ListedModel } from "../api.js";
import { addressOf, replaceRoute, route } from "../route.js";
import { blame, models, own, usableModels } from "../state.js";

export function ModelChoice() {
  const now = route.value;
  const list = usableModels.value;
  if (list.length === 0 || now.view !== "classify") return null;
  const isOwn = own.value !== null;
  const fallback = list.find((model) => model.default)?.id ?? "";
  const first = now.model ?? fallback;
  const choose = (model: string, other: string | null) =>
    replaceRoute({ ...now, model: model === fallback ? null : model, other: other === model ? null : other });
  return (
    <div id="zoo" class="models-choice">
      <div class="field">
        <label for="model">Model</label>
        <select
          id="model"
          aria-describedby="model-help"
          aria-invalid={blame.value === "model_unknown" || undefined}
          disabled={isOwn}
          value={first}
          onChange={({ currentTarget }) => choose(currentTarget.value, now.other)}
        >
          <Options list={list} chosen={first} />
        </select>
      </div>
      <div class="field">
        <label for="other">Beside it</label>
        <select
          id="other"
          disabled={isOwn || list.length < 2}
          value={now.other ?? ""}
          onChange={({ currentTarget }) => choose(first, currentTarget.value || null)}
        >
          <option value="">no second model</option>
          <Options list={list.filter(({ id }) => id !== first)} chosen={now.other} />
        </select>
      </div>
      <p id="model-help" class="help">
        {isOwn ? "Your own model answers, not this one." : <Help id={first} />}
      </p>
    </div>
  );
}

/** Of a version that the list does not name by itself there is an option too: a link may have chosen it. */
function Options({ list, chosen }: { readonly list: readonly ListedModel[]; readonly chosen: string | null }) {
  const isListed = chosen === null || chosen === "" || list.some(({ id }) => id === chosen);
  return (
    <>
      {list.map(({ id, title }) => (
        <option key={id} value={id}>
          {title ? `${title} (${id})` : id}
        </option>
      ))}
      {!isListed && <option value={chosen}>{chosen}</option>}
    </>
  );
}

function Help({ id }: { readonly id: string }) {
  const model = models.value?.find((one) => one.id === id.split("@")[0]);
  if (model === undefined) return null;
  const { accuracy, description } = model;
  return (
    <>
      {description}
      {accuracy && ` Right on ${(100 * accuracy.top1).toFixed(1)} % of ${accuracy.photos} ${accuracy.split} photos.`}{" "}
      <a href={addressOf({ view: "model", id })}>More about it</a>
    </>
  );
}
