/**
 * Classes and their photos, as the view knows them, and the one way in which they change: a step, that can be undone. All
 * of it is in the browser's storage as soon as it is shown.
 */
import { batch, computed, signal } from "@preact/signals";
import { nameOf } from "../../../src/label-name.js";
import { printable } from "../../../src/printable.js";
import { counted } from "../format.js";
import { announcement } from "../state.js";
import {
  keepLesson,
  keepPhotos,
  type Lesson,
  readAll,
  removeAll,
  sweep,
  type TaughtClass,
  type TaughtPhoto,
  watchOtherTabs,
} from "./store.js";

/** Steps that can be undone. */
const STEPS_MAX = 50;

const FRESH: Lesson = {
  classes: [
    { id: 1, label: "Class 1" },
    { id: 2, label: "Class 2" },
  ],
  base: null,
  mirror: true,
  other: false,
  job: null,
};

/** What a step changed, as it was before. */
export interface Step {
  /** What was done, in the past tense. */
  readonly words: string;
  readonly photos: Map<string, TaughtPhoto | null>;
  readonly classes: readonly TaughtClass[];
}

export interface Change {
  /** By SHA-256; null where the photo is removed. */
  readonly photos?: ReadonlyMap<string, TaughtPhoto | null>;
  readonly classes?: readonly TaughtClass[];
  /** The bytes of photos that are new. */
  readonly files?: ReadonlyMap<string, Blob>;
}

/** Whether what the browser kept has been read. */
export const isOpen = signal(false);
export const lesson = signal<Lesson>(FRESH);
export const photos = signal<ReadonlyMap<string, TaughtPhoto>>(new Map());
export const steps = signal<readonly Step[]>([]);
/** The class that photos go to that are pasted, or dropped beside the classes. */
export const activeClass = signal<number | null>(null);
/** What came of what was done last, a sentence each. */
export const said = signal<readonly string[]>([]);
/** SHA-256 of the photos that are marked. */
export const marked = signal<ReadonlySet<string>>(new Set());

/** Of each class its photos, the newest first. */
export const photosOf = computed<ReadonlyMap<number, readonly TaughtPhoto[]>>(() => {
  const byClass = new Map<number, TaughtPhoto[]>(lesson.value.classes.map(({ id }) => [id, []]));
  for (const photo of photos.value.values()) byClass.get(photo.classId)?.push(photo);
  for (const some of byClass.values()) some.sort((one, other) => other.place - one.place);
  return byClass;
});

let opening: Promise<void> | null = null;

/** Reads what the browser kept, once, and again when another tab has changed it. */
export function openAlbum(): Promise<void> {
  opening ??= read().then(() => {
    void sweep();
    watchOtherTabs(() => void read());
  });
  return opening;
}

async function read(): Promise<void> {
  const kept = await readAll();
  batch(() => {
    lesson.value = kept.lesson ?? FRESH;
    photos.value = new Map(kept.photos.map((photo) => [photo.sha256, photo]));
    // What another tab did is not undone here.
    steps.value = [];
    isOpen.value = true;
  });
}

/** Begins a step that is made in parts. */
export function beginStep(words: string): Step {
  const step = { words, photos: new Map(), classes: lesson.value.classes };
  steps.value = [...steps.value, step].slice(-STEPS_MAX);
  return step;
}

/** Changes photos and classes as part of a step. Rejects where the browser's storage is full; then nothing has changed. */
export async function changeIn(
  step: Step,
  { photos: changed = new Map(), classes, files = new Map() }: Change,
): Promise<void> {
  await keepPhotos(changed, files);
  for (const sha256 of changed.keys()) {
    if (!step.photos.has(sha256)) step.photos.set(sha256, photos.value.get(sha256) ?? null);
  }
  apply(changed, classes);
}

/** Says what a step did in the end; one that changed nothing is none. */
export function endStep(step: Step, words: string): void {
  const isNothing = step.photos.size === 0 && step.classes === lesson.value.classes;
  const named = { ...step, words };
  steps.value = steps.value.flatMap((one) => (one !== step ? [one] : isNothing ? [] : [named]));
}

/** Says so where the browser does not keep it. */
export async function change(words: string, changes: Change): Promise<void> {
  const step = beginStep(words);
  try {
    await changeIn(step, changes);
    announcement.value = `${words}.`;
  } catch (error) {
    endStep(step, words);
    say([notKept(error)]);
  }
}

export function say(sentences: readonly string[]): void {
  said.value = sentences;
  announcement.value = sentences.join(" ");
}

/** Why the browser did not keep something. */
export function notKept(error: unknown): string {
  const { name = "", message = "" } = error instanceof Error ? error : {};
  if (name === "QuotaExceededError") return "This browser's storage is full: remove some photos.";
  return `This browser could not keep it: ${message || String(error)}`;
}

export async function undo(): Promise<void> {
  const last = steps.value.at(-1);
  if (last === undefined) return;
  steps.value = steps.value.slice(0, -1);
  try {
    await keepPhotos(last.photos, new Map());
  } catch (error) {
    steps.value = [...steps.value, last];
    say([notKept(error)]);
    return;
  }
  apply(last.photos, last.classes);
  announcement.value = `Undone: ${last.words}.`;
}

function apply(changed: ReadonlyMap<string, TaughtPhoto | null>, classes = lesson.value.classes): void {
  const next = new Map(photos.value);
  for (const [sha256, photo] of changed) {
    if (photo === null) next.delete(sha256);
    else next.set(sha256, photo);
  }
  photos.value = next;
  const { job } = lesson.value;
  changeLesson({ classes, job: job === null ? null : { ...job, isStale: true } });
}

/** What is no step: settings, and which job trains. */
export function changeLesson(changed: Partial<Lesson>): void {
  lesson.value = { ...lesson.value, ...changed };
  keepLesson(lesson.value).catch((error: unknown) => say([notKept(error)]));
}

/** Removes every photo and class from this browser. */
export async function forgetAll(): Promise<void> {
  await removeAll();
  lesson.value = FRESH;
  photos.value = new Map();
  steps.value = [];
  marked.value = new Set();
  announcement.value = "Every photo is removed from this browser.";
}

export function labelOf(classId: number): string {
  return lesson.value.classes.find(({ id }) => id === classId)?.label ?? "";
}

/** A class's name as it can be read: text that is pasted, and folders, may hold what nobody sees and the service takes in no label. */
export function labelFrom(typed: string): string {
  return printable(typed).replaceAll("\ufffd", "").trim();
}

/** As the service tells classes apart. */
export function classCalled(label: string): TaughtClass | undefined {
  const name = nameOf(label);
  return lesson.value.classes.find((one) => nameOf(one.label) === name);
}

/** The classes with these added, which are not there. */
export function withClasses(labels: readonly string[]): readonly TaughtClass[] {
  const { classes } = lesson.value;
  const byName = new Map(labels.map((label) => [nameOf(label), label]));
  const added = [...byName.values()].filter((label) => classCalled(label) === undefined);
  const first = Math.max(0, ...classes.map(({ id }) => id)) + 1;
  return [...classes, ...added.map((label, place) => ({ id: first + place, label }))];
}

/** A class with a name that is not taken. */
export function addClass(): Promise<void> {
  const { classes } = lesson.value;
  let number = classes.length + 1;
  while (classCalled(`Class ${number}`) !== undefined) number += 1;
  return change(`Class ${number} added`, { classes: withClasses([`Class ${number}`]) });
}

export function renameClass(id: number, label: string): Promise<void> {
  const { classes } = lesson.value;
  const renamed = classes.map((one) => (one.id === id ? { id, label } : one));
  return change(`${labelOf(id)} renamed`, { classes: renamed });
}

/** With its photos. */
export function removeClass(id: number): Promise<void> {
  const gone = photosOf.value.get(id) ?? [];
  return change(`${labelOf(id)} removed`, {
    classes: lesson.value.classes.filter((one) => one.id !== id),
    photos: new Map(gone.map(({ sha256 }) => [sha256, null])),
  });
}

export function movePhotos(hashes: Iterable<string>, classId: number): Promise<void> {
  const moved = [...hashes].map((sha256) => photos.value.get(sha256)).filter((photo) => photo !== undefined);
  marked.value = new Set();
  return change(`${counted(moved.length, "photo")} moved to ${labelOf(classId)}`, {
    photos: new Map(moved.map((photo) => [photo.sha256, { ...photo, classId }])),
  });
}

export function removePhotos(hashes: Iterable<string>): Promise<void> {
  const gone = [...hashes];
  marked.value = new Set();
  return change(`${counted(gone.length, "photo")} removed`, { photos: new Map(gone.map((sha256) => [sha256, null])) });
}

export function mark(sha256: string, isMarked: boolean): void {
  const next = new Set(marked.value);
  if (isMarked) next.add(sha256);
  else next.delete(sha256);
  marked.value = next;
}
