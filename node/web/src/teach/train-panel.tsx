/** What is trained on what, the button, and how far it is. */

import type { TeachJob } from "../api-teach.js";
import { Problem } from "../components/problem.js";
import { counted, percent } from "../format.js";
import { addressOf } from "../route.js";
import { changeLesson, isOpen, lesson } from "./album.js";
import { bases, canFetchGoodBase, chosenBase, GOOD_BASE, hasImageNet } from "./bases.js";
import {
  cancel,
  comparedModel,
  isBusy,
  isGone,
  job,
  mayUseFeedback,
  sending,
  stopped,
  teaching,
  train,
  waitsFor,
} from "./job.js";
import { missing } from "./missing.js";
import type { Lesson } from "./store.js";

export function TrainPanel() {
  if (!isOpen.value) return null;
  const lacks = missing.value;
  const old = comparedModel.value;
  const isReady = lacks.length === 0 && chosenBase.value !== null && teaching.value === "yes" && !isBusy.value;
  return (
    <section class="train" aria-labelledby="train-title">
      <h2 id="train-title">Train</h2>
      <BaseChoice />
      <label class="small">
        <input
          type="checkbox"
          checked={lesson.value.mirror}
          disabled={isBusy.value}
          onChange={({ currentTarget }) => settle({ mirror: currentTarget.checked })}
        />
        Learn from mirror images too: not for letters, digits, and whatever has a left and a right
      </label>
      <label class="small">
        <input
          id="with-other"
          type="checkbox"
          checked={lesson.value.other}
          disabled={isBusy.value}
          onChange={({ currentTarget }) => settle({ other: currentTarget.checked })}
        />
        Add a class “other”, of sample photos of the models here, for what is none of the classes
      </label>
      {mayUseFeedback.value && (
        <label class="small">
          <input
            id="from-feedback"
            type="checkbox"
            checked={lesson.value.fromFeedback ?? false}
            disabled={isBusy.value}
            onChange={({ currentTarget }) => settle({ fromFeedback: currentTarget.checked })}
          />
          Add the photos of this model’s answers that the service kept and somebody said what they show
        </label>
      )}
      {old !== null && (
        <label class="small">
          <input
            id="compare"
            type="checkbox"
            checked={old.isCompared}
            disabled={isBusy.value}
            onChange={({ currentTarget }) => settle({ old: { ...old, isCompared: currentTarget.checked } })}
          />
          Compare it with {old.id}, on the photos that are set aside
        </label>
      )}
      {lacks.length > 0 && (
        <ul id="missing" class="small">
          {lacks.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      )}
      {isGone.value && (
        <p class="warnings" role="status">
          The service no longer has the last training. The photos are here still: train again.
        </p>
      )}
      <JobState />
      {isBusy.value ? (
        <button type="button" id="cancel-training" onClick={() => void cancel()}>
          Cancel
        </button>
      ) : (
        <button type="button" id="train" class="primary" disabled={!isReady} onClick={() => void train()}>
          {job.value?.result === undefined ? "Train" : "Train again"}
        </button>
      )}
      {stopped.value !== null && <Problem refusal={stopped.value} retry={() => void train()} />}
    </section>
  );
}

/** Another setting makes another model. */
function settle(changed: Partial<Pick<Lesson, "base" | "mirror" | "other" | "fromFeedback" | "old">>): void {
  const { job: known } = lesson.value;
  changeLesson({ ...changed, job: known === null ? null : { ...known, isStale: true } });
}

function BaseChoice() {
  const list = bases.value;
  return (
    <div class="field">
      <label for="base">Model to start from</label>
      <select
        id="base"
        aria-describedby="base-help"
        disabled={list.length === 0 || isBusy.value}
        value={chosenBase.value ?? ""}
        onChange={({ currentTarget }) => settle({ base: currentTarget.value })}
      >
        {list.length === 0 && <option value="">none is there</option>}
        {list.map(({ id, title, accuracy }) => (
          <option key={id} value={id}>
            {title ? `${title} (${id})` : id}
            {accuracy ? `, right for ${percent(accuracy.top1)}` : ""}
          </option>
        ))}
      </select>
      <p id="base-help" class="help">
        What it has learned to see is kept, and only its last layer is taught anew.{" "}
        {!hasImageNet.value && (
          <>
            One that was trained on ImageNet has seen far more, and is the better start:{" "}
            <code>npx menagerie pull {GOOD_BASE} --trust-on-first-use</code>
            {canFetchGoodBase.value && (
              <>
                , or <a href={addressOf({ view: "model", id: GOOD_BASE })}>fetch it here</a>
              </>
            )}
            .
          </>
        )}
      </p>
    </div>
  );
}

const STAGES: Readonly<Record<NonNullable<TeachJob["stage"]>, string>> = {
  photos: "Looking at the photos",
  features: "Seeing each photo with the model to start from",
  training: "Training the class layer",
  measuring: "Measuring it on photos that it was not trained on",
};

function JobState() {
  const now = job.value;
  const sent = sending.value;
  const { isStale = false } = lesson.value.job ?? {};
  if (sent !== null) {
    return <Bar words={`Sending photos: ${sent.done} of ${sent.total}`} share={sent.done / Math.max(1, sent.total)} />;
  }
  if (waitsFor.value !== null) return <p role="status">{waitsFor.value}</p>;
  if (isBusy.value && now?.state === "waiting") {
    const { ahead = 0 } = now;
    return (
      <Bar words={ahead === 0 ? "It is the next" : `${counted(ahead, "training", "trainings")} before this one`} />
    );
  }
  if (isBusy.value && now?.state === "interrupted") {
    return <Bar words="The service was ended while it trained; it goes on where it was" />;
  }
  if (isBusy.value && now?.state === "running") {
    return <Bar words={now.stage === undefined ? "It begins" : STAGES[now.stage]} share={now.share} />;
  }
  if (isBusy.value) return <Bar words="It begins" />;
  switch (now?.state) {
    case "failed":
      return (
        <section id="job-problem" class="problem" aria-labelledby="job-problem-title">
          <h3 id="job-problem-title">The training failed</h3>
          <p>{now.problem?.detail ?? "The service says no more about it."}</p>
          <p>Mend the photos or classes where that is the reason, and train again.</p>
        </section>
      );
    case "cancelled":
      return (
        <p role="status">The training was cancelled. The photos are there still: train again whenever you like.</p>
      );
    case "done":
      return isStale ? (
        <p id="stale" class="warnings" role="status">
          Something has changed since it was trained. Train again to see what comes of it.
        </p>
      ) : null;
    default:
      return null;
  }
}

function Bar({ words, share }: { readonly words: string; readonly share?: number | undefined }) {
  return (
    <div class="progress">
      <label for="training-bar">
        {words}
        {waitsFor.value !== null && `. ${waitsFor.value}`}
      </label>
      <progress id="training-bar" max={1} value={share} />
    </div>
  );
}
