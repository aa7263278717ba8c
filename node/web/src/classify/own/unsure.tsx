/**
 * Settings that the graph does not tell for sure are settled by looking: the photo's answers under the likeliest values
 * side by side, and the one that is right is clicked.
 */
import { useEffect, useState } from "preact/hooks";
import type { ModelSpec } from "../../../../src/generated/contract.js";
import { classify, Refusal, type Result } from "../../api.js";
import { Bars } from "../../components/bars.js";
import { problemTitle } from "../../components/problem.js";
import { wholePercent } from "../../format.js";
import { type OwnModel, own, type Photo, photo } from "../../state.js";
import { formOf, modelFields, questionFields } from "../question.js";
import { setFields } from "./own-model.js";
import { type Choice, candidatesOf, confidenceOf, SETTINGS, type Setting } from "./settings.js";

const SHOWN_CLASSES = 3;

export function Unsure({ mine, spec }: { readonly mine: OwnModel; readonly spec: ModelSpec }) {
  const open = SETTINGS.filter(
    (setting) => mine.settings[setting.field] === undefined && candidatesOf(setting, spec).length > 1,
  );
  const [setting] = open;
  if (setting === undefined) return null;
  return <Question key={setting.field} setting={setting} spec={spec} mine={mine} photo={photo.value} />;
}

interface Props {
  readonly setting: Setting;
  readonly spec: ModelSpec;
  readonly mine: OwnModel;
  readonly photo: Photo | null;
}

function Question({ setting, spec, mine, photo: asked }: Props) {
  const [isAsked, ask] = useState(false);
  const candidates = candidatesOf(setting, spec);
  const isTried = asked !== null && isAsked;
  return (
    <section class="unsure-question" aria-labelledby="unsure-title">
      <h3 id="unsure-title">Which of these is right?</h3>
      <p>
        The graph does not tell for sure {setting.asks} ({wholePercent(confidenceOf(setting, spec))} sure).{" "}
        {asked === null && "Choose a photo that you know the answer of."}
        {asked !== null && !isTried && "The photo's answers will stand side by side; click the right one."}
      </p>
      {asked !== null && !isTried && (
        <button id="settle" type="button" onClick={() => ask(true)}>
          Try each of them
        </button>
      )}
      {isTried && (
        <ul class="candidates">
          {candidates.map((choice) => (
            <li key={choice.value}>
              <Candidate choice={choice} setting={setting} mine={mine} photo={asked} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

interface CandidateProps {
  readonly choice: Choice;
  readonly setting: Setting;
  readonly mine: OwnModel;
  readonly photo: Photo;
}

function Candidate({ choice, setting, mine, photo: asked }: CandidateProps) {
  const [result, setResult] = useState<Result | Refusal | null>(null);
  const { graph, labels } = mine;
  const other = JSON.stringify(mine.settings);
  // The graph's hash comes with the first answer and asks nothing anew.
  useEffect(() => {
    const given = new AbortController();
    setResult(null);
    tryChoice({ ...mine, settings: { ...mine.settings, [setting.field]: choice.value } }, asked, given.signal)
      .then(setResult)
      .catch((error: unknown) => {
        if (given.signal.aborted) return;
        if (!(error instanceof Refusal)) throw error;
        setResult(error);
      });
    return () => given.abort();
  }, [graph, labels, other, asked, choice.value, setting.field]);
  return (
    <article class="candidate" aria-busy={result === null}>
      <h4>{choice.words}</h4>
      {result instanceof Refusal && <p>{problemTitle(result)}</p>}
      {result !== null && !(result instanceof Refusal) && <Bars top={result.top.slice(0, SHOWN_CLASSES)} />}
      <button
        type="button"
        disabled={result === null || result instanceof Refusal}
        onClick={() => setFields({ [setting.field]: choice.value })}
      >
        This is right<span class="unseen">: {choice.words}</span>
      </button>
    </article>
  );
}

async function tryChoice(tried: OwnModel, asked: Photo, signal: AbortSignal): Promise<Result | null> {
  const fields = questionFields(asked).filter(([name]) => name.startsWith("image_"));
  const [result] = await classify(formOf([...modelFields(tried), ...fields]), { signal });
  if (result !== undefined && own.value?.graph === tried.graph && own.value.keptSha256 === null) {
    own.value = { ...own.value, keptSha256: result.model.sha256 };
  }
  return result ?? null;
}
