/** Photos to click, for whoever has none at hand: those of the chosen model. */
import { useEffect, useState } from "preact/hooks";
import { listSamples, Refusal, readFile, type Sample } from "../api.js";
import { chosenModels, key, models, own } from "../state.js";
import { takePhoto } from "./ask.js";

export function Samples({ isFirst }: { readonly isFirst: boolean }) {
  const id = chosenModels.value[0] ?? models.value?.find((model) => model.default)?.id;
  if (id === undefined || own.value !== null) return null;
  return <SamplesOf key={id} id={id} title={isFirst ? "No photo at hand? Try one of these" : "Other photos to try"} />;
}

export function SamplesOf({
  id,
  title,
  onTake = () => {},
  onSettle = () => {},
}: {
  readonly id: string;
  readonly title: string;
  readonly onTake?: () => void;
  /** Called when the list is there, or will not come. */
  readonly onSettle?: () => void;
}) {
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  const asKey = key.value;
  // With another key the list is another one.
  useEffect(() => {
    const given = new AbortController();
    listSamples(id, given.signal)
      .then(setSamples)
      .catch((error: unknown) => {
        // Without samples the page is whole: the models' own list says what is wrong.
        if (!(error instanceof Refusal) && !given.signal.aborted) throw error;
      })
      .finally(onSettle);
    return () => given.abort();
  }, [id, asKey]);
  if (samples.length === 0) return null;
  return (
    <section class="samples" aria-label={title}>
      <h2>{title}</h2>
      <ul>
        {samples.map((sample) => (
          <li key={sample.name}>
            <SampleButton sample={sample} onTake={onTake} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function SampleButton({ sample: { name, path }, onTake }: { readonly sample: Sample; readonly onTake: () => void }) {
  const [shown, setShown] = useState<{ readonly file: File; readonly url: string } | null>(null);
  useEffect(() => {
    const given = new AbortController();
    let url: string | null = null;
    readFile(path, given.signal)
      .then((blob) => {
        url = URL.createObjectURL(blob);
        setShown({ file: new File([blob], name, { type: blob.type }), url });
      })
      .catch(() => {});
    return () => {
      given.abort();
      if (url !== null) URL.revokeObjectURL(url);
    };
  }, [name, path]);
  return (
    <button
      type="button"
      class="sample"
      disabled={shown === null}
      aria-label={shown === null ? `Sample ${name}, loading` : undefined}
      onClick={() => {
        if (shown === null) return;
        onTake();
        takePhoto({ name, file: shown.file, address: null });
      }}
    >
      {shown === null ? <span class="blank" /> : <img src={shown.url} alt={`Sample ${name}`} width={96} height={96} />}
    </button>
  );
}
