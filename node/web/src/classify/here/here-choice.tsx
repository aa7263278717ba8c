/** Whether this browser answers, or the service: offered for small models that are loaded. */
import { useEffect, useState } from "preact/hooks";
import { describeModel, Refusal } from "../../api.js";
import { megabytes } from "../../format.js";
import { models } from "../../state.js";
import { askIfQuick } from "../ask.js";
import { answerHere, answersHere, GRAPH_BYTES_MAX, hereModelId, hereProblem, RUNTIME_BYTES } from "./here.js";

export function HereChoice() {
  const id = hereModelId();
  const listed = models.value?.find((model) => model.id === id);
  if (id === null || listed === undefined) return null;
  return <HereChoiceOf key={`${id}@${listed.served}`} id={id} isLoaded={listed.loaded} />;
}

function HereChoiceOf({ id, isLoaded }: { readonly id: string; readonly isLoaded: boolean }) {
  const [bytes, setBytes] = useState<number | null>(null);
  useEffect(() => {
    // To ask about a model loads it.
    if (!isLoaded || bytes !== null) return;
    const given = new AbortController();
    describeModel(id, given.signal)
      .then(({ graph }) => setBytes(graph.bytes))
      .catch((error: unknown) => {
        if (!given.signal.aborted && !(error instanceof Refusal)) throw error;
      });
    return () => given.abort();
  }, [id, isLoaded]);
  if (bytes === null || bytes > GRAPH_BYTES_MAX) return null;
  return (
    <div class="here">
      <label class="small">
        <input
          id="answer-here"
          type="checkbox"
          checked={answersHere.value}
          onChange={({ currentTarget }) => {
            answerHere(currentTarget.checked);
            askIfQuick();
          }}
        />
        Answer here, in this browser: loads {megabytes(RUNTIME_BYTES + bytes)} once, and then needs no service
      </label>
      {hereProblem.value !== null && (
        <p id="here-problem" class="warnings" role="status">
          This browser could not answer, so the service does: {hereProblem.value}
        </p>
      )}
    </div>
  );
}
