/**
 * The reply to a photo: the sentence, the best classes with bars, the photo as the model saw it, where the time went, and
 * the same question as code. Two models stand side by side.
 */
import type { Result } from "../api.js";
import { Bars } from "../components/bars.js";
import { Commands } from "../components/commands.js";
import { Facts } from "../components/facts.js";
import { Problem } from "../components/problem.js";
import { Progress, useIsSlow } from "../components/progress.js";
import { own, photo, reply, work } from "../state.js";
import { worth } from "./ask.js";
import { FirstLabels } from "./own/first-labels.js";
import { questionFields } from "./question.js";
import { Rests } from "./rests.js";
import { Seen } from "./seen.js";
import { WasRight } from "./was-right.js";

export function AskedAnswer() {
  const isSlow = useIsSlow();
  const shown = isSlow ? null : reply.value;
  return (
    <div id="reply" class="reply" aria-busy={work.value !== null} hidden={!isSlow && shown === null}>
      {isSlow && <Progress />}
      {shown?.kind === "refusal" && <Problem {...shown} />}
      {shown?.kind === "refusal" && shown.refusal.code === "labels_mismatch" && own.value?.labels && (
        <FirstLabels file={own.value.labels} />
      )}
      {shown?.kind === "answer" && <Answers results={shown.results} />}
    </div>
  );
}

function Answers({ results }: { readonly results: readonly Result[] }) {
  const asked = photo.value;
  const [first, second] = results;
  const differ = first !== undefined && second !== undefined && first.label !== second.label;
  return (
    <section id="answer" class="answer" aria-labelledby="sentence">
      {second !== undefined && <p class="verdict">{differ ? "The two models differ." : "Both models say the same."}</p>}
      <div class={second === undefined ? "answers" : "answers two"}>
        {results.map((result, place) => (
          <Answer
            key={`${result.model.id} ${result.model.version}`}
            result={result}
            isFirst={place === 0}
            isCompared={second !== undefined}
          />
        ))}
      </div>
      {asked !== null && (
        <details class="code">
          <summary>The same from your code</summary>
          <Commands request={{ method: "POST", path: "infer", fields: questionFields(asked) }} />
        </details>
      )}
    </section>
  );
}

interface AnswerProps {
  readonly result: Result;
  readonly isFirst: boolean;
  readonly isCompared: boolean;
}

function Answer({ result, isFirst, isCompared }: AnswerProps) {
  const { label, band, unsure, top, independent, model, warnings = [] } = result;
  const worthOfBand = worth(result);
  const named = (id: string) => (isFirst ? id : `${id}-2`);
  return (
    <article>
      {isCompared && <p class="whose">{model.id}</p>}
      <h2 id={named("sentence")} class="sentence">
        Detected <b>{label}</b> with <u>{band}</u> confidence.
      </h2>
      {worthOfBand !== null && (
        <p id={named("worth")} class={unsure ? "warnings" : "small"}>
          {worthOfBand}
        </p>
      )}
      {warnings.length > 0 && (
        <ul class="warnings" aria-label="What to know about this answer">
          {warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      )}
      <Bars id={named("top")} top={top} />
      <Rests result={result} id={named("rests")} />
      <WasRight answer={result} />
      {independent && (
        <p class="small">This model judges each class on its own, so the shares need not add up to 100 %.</p>
      )}
      <Seen result={result} named={named} />
      <Timings result={result} id={named("timings")} />
    </article>
  );
}

function Timings({ result: { timings_ms: times }, id }: { readonly result: Result; readonly id: string }) {
  const rows: [string, number][] = [
    ["Decode", times.decode],
    ["Resize", times.resize],
    ["Wait", times.queue],
    ["Model", times.run],
    ["Total", times.total],
  ];
  return <Facts id={id} rows={rows.map(([name, milliseconds]) => [name, `${milliseconds.toFixed(1)} ms`])} />;
}
