/** The labels of a model, searched; of many, the first ones. */
import { useEffect, useState } from "preact/hooks";
import { Refusal } from "../api.js";
import { counted } from "../format.js";
import { readLabels } from "../models/labels.js";

const SHOWN_MAX = 100;

export function Labels({ id }: { readonly id: string }) {
  const [labels, setLabels] = useState<readonly string[]>([]);
  const [words, setWords] = useState("");
  useEffect(() => {
    const given = new AbortController();
    readLabels(id, given.signal)
      .then(setLabels)
      .catch((error: unknown) => {
        if (!given.signal.aborted && !(error instanceof Refusal)) throw error;
      });
    return () => given.abort();
  }, [id]);
  if (labels.length === 0) return null;
  const wanted = words.trim().toLowerCase();
  const found = labels
    .map((label, place) => [place, label] as const)
    .filter(([, label]) => label.toLowerCase().includes(wanted));
  const isLong = labels.length > SHOWN_MAX / 4;
  return (
    <section class="labels" aria-labelledby="labels-title">
      <h2 id="labels-title">{counted(labels.length, "label")}</h2>
      {isLong && (
        <div class="field search">
          <label for="label-search">Search the labels</label>
          <input
            id="label-search"
            type="search"
            value={words}
            onInput={({ currentTarget }) => setWords(currentTarget.value)}
          />
        </div>
      )}
      <ul class="label-list">
        {found.slice(0, SHOWN_MAX).map(([place, label]) => (
          <li key={place}>
            <bdi>{label}</bdi>
          </li>
        ))}
      </ul>
      {found.length > SHOWN_MAX && <p class="small">and {found.length - SHOWN_MAX} more; search, or download them.</p>}
      {found.length === 0 && <p class="small">No label has these words.</p>}
    </section>
  );
}
