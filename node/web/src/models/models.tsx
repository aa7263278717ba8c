/** The models of this service as cards, searched by what they are called and by what they tell apart. */
import { useState } from "preact/hooks";
import type { ListedModel } from "../api.js";
import { KeyField } from "../components/key-field.js";
import { counted } from "../format.js";
import { isReachable, models, wantsKey } from "../state.js";
import { Card } from "./card.js";
import { labelsHave, readAllLabels } from "./labels.js";

/** The default first, then those that answer, then those that do not yet. */
function rank(model: ListedModel): number {
  if (model.default) return 0;
  return ["available", "loading", "failed", "unloaded", "not fetched"].indexOf(model.state) + 1;
}

export function Models() {
  const [words, setWords] = useState("");
  const list = models.value;
  const wanted = words.trim().toLowerCase();
  const found = (list ?? [])
    .toSorted((one, other) => rank(one) - rank(other))
    .filter(
      ({ id, title, description }) =>
        wanted === "" || `${id} ${title} ${description}`.toLowerCase().includes(wanted) || labelsHave(id, wanted),
    );
  return (
    <>
      <h1>Models</h1>
      <KeyField />
      {list === null && (
        <p>{wantsKey.value ? "Enter a key to see them." : isReachable.value ? "Loading …" : "The service is gone."}</p>
      )}
      {list !== null && (
        <>
          <div class="field search">
            <label for="search">Search by name or by class</label>
            <input
              id="search"
              type="search"
              placeholder="sunflowers"
              value={words}
              onFocus={() => void readAllLabels(list)}
              onInput={({ currentTarget }) => setWords(currentTarget.value)}
            />
          </div>
          <p class="small" role="status">
            {counted(found.length, "model")}
            {wanted !== "" && ` of ${list.length}`}
          </p>
          {list.length === 0 && (
            <p>
              There are no models yet. Drop a frozen graph on the page to use it, and keep it here under a name of its
              own.
            </p>
          )}
          <ul class="cards">
            {found.map((model) => (
              <Card key={model.id} model={model} wanted={wanted} />
            ))}
          </ul>
        </>
      )}
    </>
  );
}
