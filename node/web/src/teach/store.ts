/**
 * What is taught, in this browser's own storage (IndexedDB) until it is removed: classes, photos, and which job of the
 * service trains on them. Where a browser has no such storage, photos live as long as the tab.
 */
import { signal } from "@preact/signals";
import { type DBSchema, type IDBPDatabase, openDB } from "idb";

export interface TaughtClass {
  readonly id: number;
  readonly label: string;
}

/** A photo without its bytes. */
export interface TaughtPhoto {
  /** Of the file, by which the service names it too. */
  readonly sha256: string;
  readonly name: string;
  readonly bytes: number;
  readonly classId: number;
  /** Grows with each photo that is taken in. */
  readonly place: number;
}

/** All but the photos. */
export interface Lesson {
  readonly classes: readonly TaughtClass[];
  /** The model whose class layer is replaced; null is the best that is there. */
  readonly base: string | null;
  /** Whether mirror images are trained on too. */
  readonly mirror: boolean;
  /** Whether sample photos of the service's other models are a class of their own, `other`. */
  readonly other: boolean;
  /** Whether photos of the base's answers that somebody corrected are taught too; absent in what an earlier page kept. */
  readonly fromFeedback?: boolean;
  /** The model that is taught more: what comes of it is compared with it where it knows one of the classes. */
  readonly old?: { readonly id: string; readonly labels: readonly string[]; readonly isCompared: boolean } | null;
  /** The job on the service, and whether photos or classes have changed since it was started; null while there is none. */
  readonly job: { readonly id: string; readonly isStale: boolean } | null;
}

interface Schema extends DBSchema {
  photos: { key: string; value: TaughtPhoto };
  /** The photos' bytes, by their SHA-256. */
  files: { key: string; value: Blob };
  lesson: { key: "lesson"; value: Lesson };
}

const DATABASE = "menagerie-teach";

/** Whether what is taken in is there again after the tab is closed. */
export const isKept = signal(true);

/** The page in other tabs. */
const tabs = "BroadcastChannel" in self ? new BroadcastChannel(DATABASE) : null;
let isAsked = false;
let database: Promise<IDBPDatabase<Schema> | null> | null = null;
/** In place of the database's, where there is none. */
const filesOfTab = new Map<string, Blob>();

function open(): Promise<IDBPDatabase<Schema> | null> {
  database ??= openDB<Schema>(DATABASE, 1, {
    upgrade(made) {
      made.createObjectStore("photos", { keyPath: "sha256" });
      made.createObjectStore("files");
      made.createObjectStore("lesson");
    },
  }).catch(() => {
    isKept.value = false;
    return null;
  });
  return database;
}

export async function readAll(): Promise<{ readonly lesson: Lesson | null; readonly photos: readonly TaughtPhoto[] }> {
  const db = await open();
  if (db === null) return { lesson: null, photos: [] };
  const reading = db.transaction(["photos", "lesson"]);
  const [lesson, photos] = await Promise.all([
    reading.objectStore("lesson").get("lesson"),
    reading.objectStore("photos").getAll(),
  ]);
  return { lesson: lesson ?? null, photos };
}

/** Removes the bytes of photos that were removed. */
export async function sweep(): Promise<void> {
  const db = await open();
  if (db === null) return;
  const sweeping = db.transaction(["photos", "files"], "readwrite");
  const files = sweeping.objectStore("files");
  const [known, kept] = await Promise.all([sweeping.objectStore("photos").getAllKeys(), files.getAllKeys()]);
  const wanted = new Set(known);
  await Promise.all(kept.filter((sha256) => !wanted.has(sha256)).map((sha256) => files.delete(sha256)));
}

/** Keeps photos, with the bytes of those that are new, or with null forgets where they are; bytes stay until the next visit. */
export async function keepPhotos(
  changed: ReadonlyMap<string, TaughtPhoto | null>,
  files: ReadonlyMap<string, Blob>,
): Promise<void> {
  const db = await open();
  if (db === null) {
    for (const [sha256, file] of files) filesOfTab.set(sha256, file);
    return;
  }
  const writing = db.transaction(["photos", "files"], "readwrite");
  const stores = { photos: writing.objectStore("photos"), files: writing.objectStore("files") };
  const written = [
    ...Array.from(changed, ([sha256, photo]) =>
      photo === null ? stores.photos.delete(sha256) : stores.photos.put(photo),
    ),
    ...Array.from(files, ([sha256, file]) => stores.files.put(file, sha256)),
  ];
  await Promise.all([...written, writing.done]);
  tabs?.postMessage(null);
}

export async function keepLesson(lesson: Lesson): Promise<void> {
  await (await open())?.put("lesson", lesson, "lesson");
  tabs?.postMessage(null);
}

/** Calls when another tab has kept something. */
export function watchOtherTabs(changed: () => void): void {
  tabs?.addEventListener("message", changed);
}

/** The bytes of a photo; null where they are gone. */
export async function readPhoto(sha256: string): Promise<Blob | null> {
  const db = await open();
  return (db === null ? filesOfTab.get(sha256) : await db.get("files", sha256)) ?? null;
}

export async function removeAll(): Promise<void> {
  filesOfTab.clear();
  const db = await open();
  if (db === null) return;
  const writing = db.transaction(["photos", "files", "lesson"], "readwrite");
  await Promise.all([
    writing.objectStore("photos").clear(),
    writing.objectStore("files").clear(),
    writing.objectStore("lesson").clear(),
    writing.done,
  ]);
  tabs?.postMessage(null);
}

/** Asks the browser, once, not to clear its storage when the disk is full. Browsers decide, some ask the user. */
export async function askToPersist(): Promise<void> {
  if (isAsked) return;
  isAsked = true;
  await navigator.storage?.persist?.().catch(() => false);
}
