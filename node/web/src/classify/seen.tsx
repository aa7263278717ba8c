/** The photo as the model saw it and, when asked for, the map of what the answer hangs on over it. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Explanation } from "../../../src/generated/contract.js";
import { Refusal, type Result } from "../api.js";
import { Problem } from "../components/problem.js";
import { megabytes, size } from "../format.js";
import { addressOf } from "../route.js";
import { announcement, own, photo } from "../state.js";
import { askWhy, COARSE, FINE, inWords } from "./why.js";

type Why =
  | { readonly kind: "none" }
  | { readonly kind: "busy"; readonly words: string }
  | { readonly kind: "map"; readonly explanation: Explanation; readonly isFine: boolean }
  | { readonly kind: "refusal"; readonly refusal: Refusal };

const NONE: Why = { kind: "none" };

export function Seen({ result, named }: { readonly result: Result; readonly named: (id: string) => string }) {
  const { input, image, model, top, sent, isMadeHere } = result;
  const [why, setWhy] = useState<Why>(NONE);
  const [index, setIndex] = useState(result.index);
  const asking = useRef<AbortController | null>(null);
  const leave = () => {
    asking.current?.abort();
    setWhy(NONE);
  };
  // Another answer is another question.
  useEffect(() => {
    setIndex(result.index);
    return leave;
  }, [result]);

  const ask = async (of: number, isFine: boolean) => {
    const asked = photo.value;
    if (asked === null) return;
    asking.current?.abort();
    const mine = new AbortController();
    asking.current = mine;
    setIndex(of);
    setWhy({ kind: "busy", words: "The model looks again, with parts of the photo hidden" });
    try {
      const wanted = { index: of, detail: Math.min(isFine ? FINE : COARSE, input.width, input.height) };
      const explanation = await askWhy(asked, result, wanted, mine.signal, (seconds) =>
        setWhy({ kind: "busy", words: `The service is full. Trying again in ${seconds} s.` }),
      );
      setWhy({ kind: "map", explanation, isFine });
      announcement.value = inWords(explanation);
    } catch (error) {
      if (mine.signal.aborted) return;
      if (!(error instanceof Refusal)) throw error;
      setWhy({ kind: "refusal", refusal: error });
    }
  };

  const picture = why.kind === "map" ? why.explanation.picture : input.picture;
  return (
    <figure>
      {picture !== undefined && (
        <img
          id={named("seen")}
          class={why.kind === "map" ? "seen map" : "seen"}
          src={picture}
          width={224}
          height={224}
          alt={
            why.kind === "map"
              ? `A map over the photo: ${inWords(why.explanation)}`
              : `What the model saw, at ${input.width} by ${input.height} pixels`
          }
        />
      )}
      <figcaption id={named("seen-caption")}>
        <p>
          What {own.value === null ? <a href={addressOf({ view: "model", id: model.id })}>{model.id}</a> : "your model"}{" "}
          saw: {size(input.width, input.height)} pixels, made from {size(image.width, image.height)} ({image.format}).
        </p>
        {isMadeHere && (
          <p id={named("made-here")}>
            This answer was made in this browser: nothing was sent for it.
            {input.sha256 !== "" && (
              <>
                {" "}
                SHA-256 of the pixels: <code>{input.sha256}</code>
              </>
            )}
          </p>
        )}
        {sent !== undefined && (
          <p id={named("sent")}>
            They were made in this browser: {megabytes(sent.pixelBytes)} were sent in place of{" "}
            {megabytes(sent.photoBytes)}.
            {sent.isSame && (
              <>
                {" "}
                The service answered with their SHA-256, <code>{input.sha256.slice(0, 16)}…</code>: it saw the same.
              </>
            )}
          </p>
        )}
        <div id={named("why")} class="because">
          {why.kind === "none" && (
            <button id={named("ask-why")} type="button" onClick={() => void ask(result.index, false)}>
              Why?
            </button>
          )}
          {why.kind === "busy" && (
            <div class="progress">
              <label for={named("why-progress")}>{why.words}</label>
              <progress id={named("why-progress")} />
              <button
                id={named("stop-why")}
                type="button"
                onClick={() => {
                  leave();
                  announcement.value = "Stopped.";
                }}
              >
                Stop
              </button>
            </div>
          )}
          {why.kind === "refusal" && (
            <>
              <Problem refusal={why.refusal} retry={() => void ask(index, false)} />
              <button type="button" onClick={leave}>
                Close
              </button>
            </>
          )}
          {why.kind === "map" && (
            <>
              <p id={named("because")}>{inWords(why.explanation)}</p>
              <p class="scale small">
                <span>nothing</span> <span class="colours" /> <span>most</span>
              </p>
              <div class="field">
                <label for={named("why-class")}>What speaks for</label>
                <select
                  id={named("why-class")}
                  value={index}
                  onChange={({ currentTarget }) => void ask(Number(currentTarget.value), why.isFine)}
                >
                  {top.map((entry) => (
                    <option key={entry.index} value={entry.index}>
                      {entry.label}
                    </option>
                  ))}
                </select>
              </div>
              <p class="actions">
                {!why.isFine && (
                  <button id={named("finer")} type="button" onClick={() => void ask(index, true)}>
                    Finer
                  </button>
                )}
                <button id={named("hide-why")} type="button" onClick={leave}>
                  Hide the map
                </button>
              </p>
            </>
          )}
        </div>
      </figcaption>
    </figure>
  );
}
