/** Many photos: how far they are, which are shown, and their answers as a file. */
import { useState } from "preact/hooks";
import { saveFile } from "../../components/save-file.js";
import { counted, duration } from "../../format.js";
import { isReachable } from "../../state.js";
import { takePhoto } from "../ask.js";
import { type Batch, beginBatch, endBatch, type Item } from "./batch.js";
import { toCsv, toJson } from "./export.js";
import { FilterBar } from "./filter-bar.js";
import { arrange, type Filter } from "./order.js";
import { Tile } from "./tile.js";

/** So many are drawn at once. */
const SHOWN_STEP = 60;

export function ManyPhotos({ batch }: { readonly batch: Batch }) {
  const [filter, setFilter] = useState<Filter>({
    label: "",
    band: "",
    state: "all",
    sortedBy: batch.isCompared ? "differences" : "place",
  });
  const [shownMax, setShownMax] = useState(SHOWN_STEP);
  // What is drawn of the whole follows its progress, which changes a few times a second.
  void batch.progress.value;
  const shown = arrange(batch.items, filter);
  return (
    <section id="many" class="many" aria-labelledby="many-title">
      <h2 id="many-title">{counted(batch.items.length, "photo")}</h2>
      <BatchProgress batch={batch} />
      <Actions batch={batch} />
      <FilterBar items={batch.items} filter={filter} isCompared={batch.isCompared} onChange={setFilter} />
      <p class="small">
        {shown.length === batch.items.length ? "All are shown." : `${counted(shown.length, "photo")} shown.`}
      </p>
      <ul class="grid">
        {shown.slice(0, shownMax).map((item) => (
          <Tile key={item.place} item={item} onOpen={lookAt} />
        ))}
      </ul>
      {shown.length > shownMax && (
        <button type="button" onClick={() => setShownMax(shownMax + SHOWN_STEP)}>
          Show {Math.min(SHOWN_STEP, shown.length - shownMax)} more
        </button>
      )}
    </section>
  );
}

/** Goes back to one photo. */
function lookAt(item: Item): void {
  endBatch();
  takePhoto(item.photo);
}

function BatchProgress({ batch }: { readonly batch: Batch }) {
  const { answered, failed, perSecond, waitsSeconds } = batch.progress.value;
  const done = answered + failed;
  const left = batch.items.length - done;
  return (
    <div class="progress">
      <label for="many-bar">
        {counted(answered, "photo")} answered{failed > 0 && `, ${failed} not`}
        {left > 0 && perSecond !== null && perSecond > 0 && (
          <>
            , {perSecond.toFixed(1)} a second, {duration(left / perSecond)} left
          </>
        )}
        {left > 0 && waitsSeconds > 0 && (
          <>
            . {isReachable.value ? "The service is full" : "The service does not answer"}: on again in {waitsSeconds} s
          </>
        )}
      </label>
      <progress id="many-bar" max={batch.items.length} value={done} />
    </div>
  );
}

function Actions({ batch }: { readonly batch: Batch }) {
  const run = batch.run.value;
  const { failed } = batch.progress.value;
  return (
    <div class="actions">
      {run === "running" && (
        <button type="button" id="pause" onClick={() => batch.pause()}>
          Pause
        </button>
      )}
      {run === "paused" && (
        <button type="button" id="resume" onClick={() => batch.resume()}>
          Go on
        </button>
      )}
      {run !== "ended" && (
        <button type="button" id="stop" onClick={() => batch.cancel()}>
          Cancel
        </button>
      )}
      {run === "ended" && failed > 0 && (
        <button type="button" id="again" onClick={() => batch.retry()}>
          Try the {failed} again
        </button>
      )}
      {run === "ended" && (
        <button type="button" onClick={() => beginBatch(batch.items.map(({ photo }) => photo))}>
          Ask the chosen models anew
        </button>
      )}
      <button type="button" onClick={() => saveFile("answers.csv", toCsv(batch.items), "text/csv")}>
        CSV
      </button>
      <button type="button" onClick={() => saveFile("answers.json", toJson(batch.items), "application/json")}>
        JSON
      </button>
      <button type="button" onClick={endBatch}>
        Back to one photo
      </button>
    </div>
  );
}
