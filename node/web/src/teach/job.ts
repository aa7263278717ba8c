/**
 * The service's job: it gets the photos that it has not, trains, and is followed until it has ended, also by a page that was
 * closed meanwhile or a service that was gone.
 */
import { computed, signal } from "@preact/signals";
import { pause } from "../../../src/client/pause.js";
import { nameOf } from "../../../src/label-name.js";
import { Refusal } from "../api.js";
import { cancelJob, createJob, followJob, readJob, removeJob, startJob, type TeachJob } from "../api-teach.js";
import { announcement, service } from "../state.js";
import { changeLesson, lesson, openAlbum, photos } from "./album.js";
import { chosenBase } from "./bases.js";
import { patiently } from "./patience.js";
import { sendPhotos } from "./send-photos.js";

const AGAIN_MS = 2000;
const ENDED: ReadonlySet<TeachJob["state"]> = new Set(["done", "failed", "cancelled"]);

/** Jobs that take no photos, and cannot be started. One that is interrupted goes on by itself. */
const ACTIVE: ReadonlySet<TeachJob["state"]> = new Set(["waiting", "running", "interrupted"]);

/** Whether this service teaches, and this caller may have it teach; null while that is not known. */
export const teaching = computed<"yes" | "no" | "forbidden" | null>(() => {
  if (service.value === null) return null;
  if (!service.value.teach) return "no";
  return ["models", "admin"].includes(service.value.role) ? "yes" : "forbidden";
});
/** Whether corrected photos of others, which an admin alone may take, can be there. */
export const mayUseFeedback = computed(() => service.value?.feedback === true && service.value.role === "admin");
/** The model that the new one can be compared with: that which is taught more, where it knows one of the classes. */
export const comparedModel = computed(() => {
  const { old = null, classes } = lesson.value;
  const known = new Set(old?.labels.map(nameOf));
  return classes.some(({ label }) => known.has(nameOf(label))) ? old : null;
});
/** As last told; null where there is none. */
export const job = signal<TeachJob | null>(null);
/** Photos on their way; null while none are. */
export const sending = signal<{ readonly done: number; readonly total: number } | null>(null);
/** What is waited for, in words; null while nothing is. */
export const waitsFor = signal<string | null>(null);
/** Why it did not go on; null where nothing stopped it. */
export const stopped = signal<Refusal | null>(null);
/** Whether the service has removed the job that this page began. */
export const isGone = signal(false);
const isBeginning = signal(false);

export const isBusy = computed(() => isBeginning.value || (job.value !== null && ACTIVE.has(job.value.state)));

let given = new AbortController();

/** Takes up the job that was begun, once the view is opened. */
export async function takeUpJob(): Promise<void> {
  await openAlbum();
  const { job: known } = lesson.value;
  if (known === null || isBusy.value) return;
  const mine = begin();
  try {
    await follow(known.id, mine);
  } catch (error) {
    tellStop(error, mine);
  }
}

/** Sends what the service lacks, and starts. */
export async function train(): Promise<void> {
  const base = chosenBase.value;
  if (base === null) return;
  const mine = begin();
  isBeginning.value = true;
  try {
    const id = await readyJob(base, mine);
    const sent = photos.value;
    const { classes } = lesson.value;
    await sendPhotos(id, mine, (done, total) => (sending.value = { done, total }), tellWait);
    job.value = await patiently(() => startJob(id, mine), mine, tellWait);
    changeLesson({ job: { id, isStale: photos.value !== sent || lesson.value.classes !== classes } });
    announcement.value = "Every photo is there. Training begins.";
    isBeginning.value = false;
    sending.value = null;
    await follow(id, mine);
  } catch (error) {
    tellStop(error, mine);
  } finally {
    if (given.signal === mine) {
      isBeginning.value = false;
      sending.value = null;
    }
  }
}

/** Ends what is under way. The photos stay, here and on the service. */
export async function cancel(): Promise<void> {
  const { job: known } = lesson.value;
  const wasStarted = job.value !== null && ACTIVE.has(job.value.state);
  const mine = begin();
  isBeginning.value = false;
  sending.value = null;
  announcement.value = "Cancelled.";
  if (known === null || !wasStarted) return;
  try {
    await cancelJob(known.id);
    await follow(known.id, mine);
  } catch (error) {
    tellStop(error, mine);
  }
}

/** Forgets the job, and has the service remove what it has of it. */
export async function dropJob(): Promise<void> {
  const { job: known } = lesson.value;
  begin();
  job.value = null;
  changeLesson({ job: null });
  if (known !== null) await removeJob(known.id).catch(ignoreRefusal);
}

/** What was under way is left. */
function begin(): AbortSignal {
  given.abort();
  given = new AbortController();
  stopped.value = null;
  waitsFor.value = null;
  return given.signal;
}

function tellStop(error: unknown, mine: AbortSignal): void {
  if (mine.aborted) return;
  if (!(error instanceof Refusal)) throw error;
  stopped.value = error;
  announcement.value = error.message;
}

function tellWait(words: string | null): void {
  waitsFor.value = words;
}

/** The id of a job with these settings that takes photos. One that ended gives way. */
async function readyJob(base: string, mine: AbortSignal): Promise<string> {
  const { job: known, mirror, other } = lesson.value;
  // It may have been wanted with another key.
  const fromFeedback = mayUseFeedback.value && lesson.value.fromFeedback === true;
  const compare = comparedModel.value?.isCompared ? comparedModel.value.id : undefined;
  if (known !== null) {
    const now = await patiently(() => readJob(known.id, mine), mine, tellWait).catch(nullWhereUnknown);
    const isSame =
      now?.compare?.split("@")[0] === compare &&
      now?.base.split("@")[0] === base &&
      now.mirror === mirror &&
      now.other === other &&
      now.from_feedback === fromFeedback;
    if (now !== null && isSame && !ACTIVE.has(now.state)) return known.id;
    if (now !== null) await removeJob(known.id).catch(ignoreRefusal);
  }
  const made = await patiently(
    () => createJob({ base, mirror, other, from_feedback: fromFeedback, ...(compare && { compare }) }, mine),
    mine,
    tellWait,
  );
  isGone.value = false;
  changeLesson({ job: { id: made.id, isStale: true } });
  return made.id;
}

/** Hears of the job until it has ended. */
async function follow(id: string, mine: AbortSignal): Promise<void> {
  for (;;) {
    try {
      for await (const now of followJob(id, mine)) tell(now);
      if (job.value !== null && ENDED.has(job.value.state)) return;
    } catch (error) {
      if (mine.aborted || !(error instanceof Refusal)) throw error;
      if (isUnknown(error)) {
        isGone.value = true;
        job.value = null;
        changeLesson({ job: null });
        return;
      }
      if (error.code !== "unreachable" && error.code !== "overloaded" && error.code !== "rate_limited") throw error;
    }
    await pause(AGAIN_MS, mine);
  }
}

function tell(now: TeachJob): void {
  if (now.state !== job.value?.state && ENDED.has(now.state)) announcement.value = ENDS[now.state] ?? "";
  job.value = now;
}

const ENDS: Partial<Record<TeachJob["state"], string>> = {
  done: "It is trained.",
  failed: "The training failed.",
  cancelled: "The training was cancelled.",
};

function isUnknown({ code }: Refusal): boolean {
  return code === "job_unknown";
}

function nullWhereUnknown(error: unknown): null {
  if (error instanceof Refusal && isUnknown(error)) return null;
  throw error;
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof Refusal)) throw error;
}
