/** The files of a model of one's own, one by one; dropped, they find their places by themselves. */
import { blame, own, waitingLabels } from "../../state.js";
import { forgetOwn, takeGraph, takeLabels } from "./own-model.js";

const BLAMES_GRAPH: ReadonlySet<string | null> = new Set([
  "graph_invalid",
  "graph_op_forbidden",
  "graph_ambiguous",
  "graph_too_large",
]);
const BLAMES_LABELS: ReadonlySet<string | null> = new Set(["labels_missing", "labels_invalid", "labels_mismatch"]);

export function OwnFiles() {
  const mine = own.value;
  return (
    <details id="own" open={mine !== null || waitingLabels.value !== null || undefined}>
      <summary>Use a model of your own</summary>
      <div class="field">
        <FileField
          id="graph"
          title="Frozen graph"
          file={mine?.graph ?? null}
          isBlamed={BLAMES_GRAPH.has(blame.value)}
          onTake={takeGraph}
        />
        <p id="graph-help" class="help">
          The <code>.pb</code> file that your training script wrote. It is read here, in the browser, before anything is
          sent.
        </p>
      </div>
      <div class="field">
        <FileField
          id="labels"
          title="Labels"
          file={mine?.labels ?? waitingLabels.value}
          isBlamed={BLAMES_LABELS.has(blame.value)}
          onTake={takeLabels}
        />
        <p id="labels-help" class="help">
          One name a line, in the order of the classes. Without it the answer is the number of the class.
        </p>
      </div>
      {mine !== null && (
        <div class="actions">
          <button id="forget" type="button" onClick={forgetOwn}>
            Go back to the service's models
          </button>
        </div>
      )}
    </details>
  );
}

interface FileFieldProps {
  readonly id: string;
  readonly title: string;
  readonly file: File | null;
  readonly isBlamed: boolean;
  readonly onTake: (file: File) => void;
}

function FileField({ id, title, file, isBlamed, onTake }: FileFieldProps) {
  return (
    <>
      <span class="label" id={`${id}-title`}>
        {title}
      </span>
      <div class="with-button">
        <input
          id={id}
          class="unseen"
          type="file"
          aria-describedby={`${id}-help`}
          aria-invalid={isBlamed || undefined}
          onChange={({ currentTarget }) => {
            const [chosen] = currentTarget.files ?? [];
            currentTarget.value = "";
            if (chosen) onTake(chosen);
          }}
        />
        <label for={id} class="button">
          {file === null ? "Choose" : "Change"} <span class="unseen">the {title.toLowerCase()}</span>
        </label>
        <span id={`${id}-name`} class="file-name" dir="auto">
          {file?.name ?? ""}
        </span>
      </div>
    </>
  );
}
