/** One click says that an answer was right, or what it really was: another of its best classes, or any other words. */
import { useId, useState } from "preact/hooks";
import type { Asked } from "../api.js";
import { readLabels } from "../models/labels.js";
import { service } from "../state.js";
import { type Answered, saidOf, say } from "./said.js";

interface Props {
  readonly answer: Answered;
  /** Whether it stands in a grid: then what it really was is asked for once it was not right. */
  readonly isSmall?: boolean;
}

export function WasRight({ answer, isSmall = false }: Props) {
  const { asked } = answer;
  if (asked === undefined || service.value?.feedback !== true) return null;
  // What was open and typed belongs to one answer.
  return <Choice key={`${asked.index} ${asked.requestId}`} answer={answer} asked={asked} isSmall={isSmall} />;
}

function Choice({ answer, asked, isSmall }: Required<Props> & { readonly asked: Asked }) {
  const { label, top, model } = answer;
  const [isWrong, setWrong] = useState(false);
  const [isTyping, setTyping] = useState(false);
  const { label: said, problem } = saidOf(asked).value;
  const others = top.map((entry) => entry.label).filter((other) => other !== label);
  const typed = said !== null && said !== label && !others.includes(said) ? [said] : [];
  const saying = (words: string) => {
    setTyping(false);
    setWrong(false);
    void say(asked, words);
  };
  const isAsking = !isSmall || isWrong;
  return (
    <fieldset class={isSmall ? "was-right in-tile" : "was-right"}>
      <legend class="unseen">Was {label} right?</legend>
      {!isSmall && <span class="small">Was it right?</span>}
      <button type="button" aria-pressed={said === label} onClick={() => saying(label)}>
        {isSmall ? <span aria-hidden="true">✓</span> : "Yes"}
        {isSmall && <span class="unseen">{label} is right</span>}
      </button>
      {isSmall && (
        <button type="button" aria-expanded={isWrong} onClick={() => setWrong(!isWrong)}>
          <span aria-hidden="true">✗</span>
          <span class="unseen">It was something other than {label}</span>
        </button>
      )}
      {isAsking && !isSmall && <span class="small">No, it was</span>}
      {isAsking &&
        [...others, ...typed].map((other) => (
          <button key={other} type="button" aria-pressed={said === other} onClick={() => saying(other)}>
            <bdi>{other}</bdi>
          </button>
        ))}
      {isAsking && (
        <button type="button" aria-expanded={isTyping} onClick={() => setTyping(!isTyping)}>
          another …
        </button>
      )}
      {isAsking && isTyping && <Words model={model.id} onSay={saying} />}
      {isSmall && !isWrong && said !== null && said !== label && (
        <span class="small">
          It was <bdi>{said}</bdi>
        </span>
      )}
      {problem !== null && <span class="small wrong">{problem}</span>}
    </fieldset>
  );
}

/** Any words; the model's labels are offered. */
function Words({ model, onSay }: { readonly model: string; readonly onSay: (words: string) => void }) {
  const [words, setWords] = useState("");
  const [labels, setLabels] = useState<readonly string[]>([]);
  const list = useId();
  const offer = () => {
    // Where they cannot be had, nothing is offered.
    if (labels.length === 0) readLabels(model).then(setLabels, () => {});
  };
  return (
    <form
      class="with-button"
      onSubmit={(event) => {
        event.preventDefault();
        if (words.trim() !== "") onSay(words.trim());
      }}
    >
      <input
        type="text"
        aria-label="What it really was"
        list={list}
        maxLength={200}
        value={words}
        ref={(input) => {
          if (words === "") input?.focus();
        }}
        onFocus={offer}
        onInput={({ currentTarget }) => setWords(currentTarget.value)}
      />
      <datalist id={list}>
        {labels.map((label) => (
          <option key={label} value={label} />
        ))}
      </datalist>
      <button type="submit">Say so</button>
    </form>
  );
}
