/**
 * What the settings rest on that decide what the model saw. Where they are not certain, whoever brought the graph can say what
 * the photo shows: then they are worked out from that.
 */
import { useState } from "preact/hooks";
import type { Result } from "../api.js";
import { own, photo, region } from "../state.js";
import { teach } from "./own/teach.js";

const WORDS: Readonly<Record<Result["settings"]["by"], string>> = {
  read: "it stands in the graph",
  measured: "it was measured on the graph",
  examples: "it follows from photos whose labels were said",
  prior: "most such graphs are fed so",
  manifest: "the model's manifest says so",
  request: "it was set for this question",
};

export function Rests({ result, id }: { readonly result: Result; readonly id: string }) {
  const { certain, by } = result.settings;
  const mine = own.value;
  const asked = photo.value;
  const canTeach = !certain && mine !== null && asked?.file != null && region.value.kind === "whole";
  return (
    <>
      <p id={id} class="small">
        How pixels are scaled is {certain ? "certain" : "not certain"}: {WORDS[by]}.
      </p>
      {canTeach && <Teaching key={asked.name} top={result.top} />}
    </>
  );
}

function Teaching({ top }: Pick<Result, "top">) {
  const [words, setWords] = useState("");
  return (
    <fieldset class="was-right teach">
      <legend class="small">Say what this photo really shows, and the answer is worked out anew from that:</legend>
      {top.map(({ label }) => (
        <button key={label} type="button" onClick={() => void teach(label)}>
          <bdi>{label}</bdi>
        </button>
      ))}
      <form
        class="with-button"
        onSubmit={(event) => {
          event.preventDefault();
          if (words.trim() !== "") void teach(words.trim());
        }}
      >
        <input
          type="text"
          aria-label="Another label"
          placeholder="another label"
          maxLength={200}
          value={words}
          onInput={({ currentTarget }) => setWords(currentTarget.value)}
        />
        <button type="submit">Work it out</button>
      </form>
    </fieldset>
  );
}
