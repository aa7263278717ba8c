/**
 * Which models answer. The choice stands in the address, so that a link carries it. It is not there while the list cannot
 * be had: the default model answers without it.
 */
import type { ListedModel } from "../api.js";
import { percent } from "../format.js";
import { addressOf, replaceRoute, route } from "../route.js";
import { blame, isReachable, models, own, usableModels, wantsKey } from "../state.js";

export function ModelChoice() {
  const now = route.value;
  const list = usableModels.value;
  if (now.view !== "classify") return null;
  // Until the list is there its place is kept, so that nothing moves when it comes.
  const isAwaited = models.value === null && !wantsKey.value && isReachable.value;
  if (list.length === 0 && !isAwaited) return null;
  const isOwn = own.value !== null;
  const fallback = list.find((model) => model.default)?.id ?? "";
  const first = now.model ?? fallback;
  const choose = (model: string, other: string | null) =>
    replaceRoute({ ...now, model: model === fallback ? null : model, other: other === model ? null : other });
  return (
    <div id={isAwaited ? undefined : "zoo"} class="models-choice">
      <div class="field">
        <label for="model">Model</label>
        <select
          id="model"
          aria-describedby="model-help"
          aria-invalid={blame.value === "model_unknown" || undefined}
          disabled={isOwn || isAwaited}
          value={first}
          onChange={({ currentTarget }) => choose(currentTarget.value, now.other)}
        >
          <Options list={list} chosen={first} />
        </select>
      </div>
      <div class="field">
        <label for="other">Second model</label>
        <select
          id="other"
          disabled={isOwn || list.length < 2}
          value={now.other ?? ""}
          onChange={({ currentTarget }) => choose(first, currentTarget.value || null)}
        >
          <option value="">none</option>
          <Options list={list.filter(({ id }) => id !== first)} chosen={now.other} />
        </select>
      </div>
      <p class="help">
        <span id="model-help">{isOwn ? "Your own model answers, not this one." : describe(first)}</span>{" "}
        {!isOwn && !isAwaited && <a href={addressOf({ view: "model", id: first })}>More about it</a>}
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

function describe(id: string): string {
  const model = models.value?.find((one) => one.id === id.split("@")[0]);
  if (model === undefined) return "";
  const { accuracy, description } = model;
  return accuracy
    ? `${description} Right on ${percent(accuracy.top1)} of ${accuracy.photos} ${accuracy.split} photos.`
    : description;
}
