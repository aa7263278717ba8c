/**
 * Settings that the graph does not tell for sure are settled by looking: the photo's answers under the likeliest values
 * side by side, and the one that is right is clicked.
 */
import { useEffect, useState } from "preact/hooks";
import type { ModelSpec } from "../../../../src/generated/contract.js";
import { classify, Refusal, type Result, type Sending } from "../../api.js";
import { Bars } from "../../components/bars.js";
import { problemTitle } from "../../components/problem.js";
import { wholePercent } from "../../format.js";
import { announcement, type OwnModel, own, type Photo, photo } from "../../state.js";
import { doWork, isWait } from "../../work.js";
import { formOf, modelFields, questionFields } from "../question.js";
import { setFields } from "./own-model.js";
import { type Choice, candidatesOf, confidenceOf, SETTINGS, type Setting } from "./settings.js";

const SHOWN_CLASSES = 3;

export function Unsure({ mine, spec }: { readonly mine: OwnModel; readonly spec: ModelSpec }) {
  const [setting] = SETTINGS.filter(({ field }) => mine.settings[field] === undefined).filter(
    (one) => candidatesOf(one, spec).length > 1,
  );
  if (setting === undefined) return null;
  return <Question key={`${setting.field} ${JSON.stringify(mine.settings)}`} setting={setting} spec={spec} />;
}

/** What each candidate's value made the model say. */
type Outcomes = Readonly<Record<string, Result | Refusal>>;

function Question({ setting, spec }: { readonly setting: Setting; readonly spec: ModelSpec }) {
  const asked = photo.value;
  const [outcomes, setOutcomes] = useState<Outcomes>({});
  const candidates = candidatesOf(setting, spec);
  // Another photo says something else.
  useEffect(() => setOutcomes({}), [asked]);
  const isTried = Object.keys(outcomes).length > 0;
  const labels = new Set(Object.values(outcomes).map((outcome) => (outcome instanceof Refusal ? "" : outcome.label)));
  const isSettledEitherWay = Object.keys(outcomes).length === candidates.length && labels.size === 1;
  return (
    <section class="unsure-question" aria-labelledby="unsure-title">
      <h3 id="unsure-title">Which of these is right?</h3>
      <p>
        The graph does not tell for sure {setting.asks} ({wholePercent(confidenceOf(setting, spec))} sure).{" "}
        {asked === null && "Choose a photo that you know the answer of."}
        {asked !== null && !isTried && "The photo's answers will stand side by side; click the right one."}
        {isSettledEitherWay && "All of them say the same of this photo; another one may tell more."}
      </p>
      {asked !== null && !isTried && (
        <button id="settle" type="button" onClick={() => void tryEach(setting, candidates, asked, setOutcomes)}>
          Try each of them
        </button>
      )}
      {isTried && (
        <ul class="candidates">
          {candidates.map((choice) => (
            <li key={choice.value}>
              <Candidate choice={choice} setting={setting} outcome={outcomes[choice.value] ?? null} />
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
  readonly outcome: Result | Refusal | null;
}

function Candidate({ choice, setting, outcome }: CandidateProps) {
  const isAnswer = outcome !== null && !(outcome instanceof Refusal);
  return (
    <article class="candidate" aria-busy={outcome === null}>
      <h4>{choice.words}</h4>
      {outcome instanceof Refusal && <p>{problemTitle(outcome)}</p>}
      {isAnswer && <Bars top={outcome.top.slice(0, SHOWN_CLASSES)} />}
      <button type="button" disabled={!isAnswer} onClick={() => setFields({ [setting.field]: choice.value })}>
        This is right<span class="unseen">: {choice.words}</span>
      </button>
    </article>
  );
}

/** One after the other: the first one takes the graph along, the others name it. */
async function tryEach(
  setting: Setting,
  candidates: readonly Choice[],
  asked: Photo,
  show: (outcomes: Outcomes) => void,
): Promise<void> {
  let outcomes: Outcomes = {};
  await doWork(async (sending) => {
    for (const { value } of candidates) {
      if (outcomes[value] !== undefined) continue;
      const outcome = await tryOne({ [setting.field]: value }, asked, sending);
      if (outcome === null) return;
      outcomes = { ...outcomes, [value]: outcome };
      show(outcomes);
    }
    announcement.value = "Each was tried. Choose the right one.";
  });
}

/** Null where the model is another one by now. */
async function tryOne(
  settings: Readonly<Record<string, string>>,
  asked: Photo,
  sending: Required<Sending>,
): Promise<Result | Refusal | null> {
  const mine = own.value;
  if (mine === null) return null;
  try {
    const tried = { ...mine, settings: { ...mine.settings, ...settings } };
    const image = questionFields(asked).filter(([name]) => name.startsWith("image_"));
    const [result] = await classify(formOf([...modelFields(tried), ...image]), sending);
    if (result === undefined || own.value?.graph !== mine.graph) return null;
    own.value = { ...own.value, keptSha256: result.model.sha256 };
    return result;
  } catch (error) {
    if (error instanceof Refusal && error.code === "model_unknown" && mine.keptSha256 !== null) {
      own.value = { ...mine, keptSha256: null };
      return tryOne(settings, asked, sending);
    }
    // What the model says under one value is its answer, also a refusal; a service that is full or gone is not.
    if (!(error instanceof Refusal) || isWait(error) || error.code === "unreachable") throw error;
    return error;
  }
}
