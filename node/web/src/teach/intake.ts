/**
 * Photos on their way into classes: looked at, named by their SHA-256, kept. A few are worked on at a time, so that
 * thousands do not stop the page, and each photo is there once.
 */
import { signal } from "@preact/signals";
import { sha256 } from "../../../src/client/sha256.js";
import { nameOf } from "../../../src/label-name.js";
import { counted, megabytes } from "../format.js";
import { byPath, type FoundFile } from "../found-files.js";
import { imageFormat } from "../sniff.js";
import { service } from "../state.js";
import {
  activeClass,
  beginStep,
  changeIn,
  classCalled,
  endStep,
  labelFrom,
  labelOf,
  lesson,
  notKept,
  openAlbum,
  photos,
  photosOf,
  type Step,
  said,
  say,
  withClasses,
} from "./album.js";
import { askToPersist, type TaughtPhoto } from "./store.js";

/** So many are read at once. */
const READ_AT_ONCE = 8;
/** The page is drawn anew so often, however fast photos come. */
const SHOWN_EVERY_MS = 250;
/** The formats that the service reads. */
const READ_FORMATS: ReadonlySet<string | null> = new Set(["JPEG", "PNG", "GIF", "WebP", "BMP"]);
/** Names that the page gives by itself. */
const GIVEN_LABEL = /^Class \d+$/;

/** How far it is; null while nothing is taken in. */
export const intake = signal<{ readonly done: number; readonly total: number } | null>(null);

let given = new AbortController();
let before: Promise<void> = Promise.resolve();

/** Leaves what was not taken in yet. */
export function stopIntake(): void {
  given.abort();
  given = new AbortController();
}

/** A photo with the class that it goes to. */
interface Placed extends FoundFile {
  readonly classId: number;
}

interface Tally {
  added: number;
  moved: number;
  there: number;
  readonly left: string[];
}

/**
 * Takes photos in, behind those that are being taken in: those of one folder into the class `into`, those of several folders
 * into the classes that the folders name; `into` is null where no class is said.
 */
export function takeIn(found: readonly FoundFile[], into: number | null): Promise<void> {
  const seen = byPath(found.filter(({ file }) => !file.name.startsWith(".")));
  return seen.length === 0
    ? before
    : inTurn(async (mine) => {
        const step = beginStep("Photos added");
        const tally: Tally = { added: 0, moved: 0, there: 0, left: [] };
        try {
          await takeEach(await placeInClasses(seen, into, step), step, tally, mine);
        } finally {
          endStep(step, `${counted(tally.added + tally.moved, "photo")} added`);
          say(sentences(tally));
        }
        void askToPersist();
      });
}

/** Takes one frame of a burst, which is a step. */
export function takeFrame(file: File, classId: number, burst: Step): Promise<void> {
  const tally: Tally = { added: 0, moved: 0, there: 0, left: [] };
  return inTurn((mine) => takeEach([{ file, path: file.name, classId }], burst, tally, mine));
}

function inTurn(act: (mine: AbortSignal) => Promise<void>): Promise<void> {
  const { signal: mine } = given;
  before = before.then(async () => {
    await openAlbum();
    try {
      mine.throwIfAborted();
      await act(mine);
    } catch (error) {
      say([...said.value, mine.aborted ? "The rest was left out." : notKept(error)]);
    } finally {
      intake.value = null;
    }
  });
  return before;
}

async function placeInClasses(
  found: readonly FoundFile[],
  into: number | null,
  step: Step,
): Promise<readonly Placed[]> {
  const folders = new Set(found.map(folderOf));
  const isByFolder = into === null ? !folders.has(null) : folders.size > 1;
  if (!isByFolder) {
    const classId = into ?? activeClass.value ?? lesson.value.classes[0]?.id ?? null;
    if (classId !== null) return found.map((one) => ({ ...one, classId }));
    await changeIn(step, { classes: withClasses(["Class 1"]) });
    return found.map((one) => ({ ...one, classId: classCalled("Class 1")?.id ?? 1 }));
  }
  const labels = found.map((one) => folderOf(one) ?? (into === null ? "" : labelOf(into)));
  const names = new Set(labels.map(nameOf));
  const isLeft = ({ id, label }: { readonly id: number; readonly label: string }) =>
    names.has(nameOf(label)) || !GIVEN_LABEL.test(label) || (photosOf.value.get(id) ?? []).length > 0;
  await changeIn(step, { classes: withClasses(labels).filter(isLeft) });
  const ids = new Map(lesson.value.classes.map(({ id, label }) => [nameOf(label), id]));
  return found.map((one, place) => ({ ...one, classId: ids.get(nameOf(labels[place] ?? "")) ?? 0 }));
}

/** The folder that a photo lies in; null where it lies in none. */
function folderOf({ path }: FoundFile): string | null {
  return labelFrom(path.split("/").at(-2) ?? "") || null;
}

async function takeEach(placed: readonly Placed[], step: Step, tally: Tally, mine: AbortSignal): Promise<void> {
  let changed = new Map<string, TaughtPhoto>();
  let files = new Map<string, Blob>();
  let shownAt = performance.now();
  const show = async (done: number) => {
    await changeIn(step, { photos: changed, files });
    [changed, files] = [new Map(), new Map()];
    shownAt = performance.now();
    intake.value = { done, total: placed.length };
  };
  let place = Math.max(0, ...Array.from(photos.value.values(), (photo) => photo.place));
  for (let begin = 0; begin < placed.length; begin += READ_AT_ONCE) {
    const some = placed.slice(begin, begin + READ_AT_ONCE);
    const read = await Promise.all(some.map(({ file }) => lookAt(file)));
    mine.throwIfAborted();
    for (const [at, { file, classId, path }] of some.entries()) {
      const { hash, problem } = read[at] ?? { hash: null, problem: null };
      if (hash === null) {
        tally.left.push(`${path} ${problem ?? "cannot be read"}.`);
        continue;
      }
      const known = changed.get(hash) ?? photos.value.get(hash);
      if (known?.classId === classId) {
        tally.there += 1;
        continue;
      }
      if (known === undefined) tally.added += 1;
      else tally.moved += 1;
      place += 1;
      changed.set(hash, known ? { ...known, classId } : { sha256: hash, name: path, bytes: file.size, classId, place });
      if (known === undefined) files.set(hash, file);
    }
    if (performance.now() - shownAt > SHOWN_EVERY_MS) await show(begin + some.length);
  }
  await show(placed.length);
}

type Looked = { readonly hash: string; readonly problem: null } | { readonly hash: null; readonly problem: string };

/** Names a photo by its bytes; or says why it is none that can be taught. */
async function lookAt(file: File): Promise<Looked> {
  const bytesMax = service.value?.limits.image_bytes_max ?? Number.POSITIVE_INFINITY;
  if (file.size > bytesMax) {
    return {
      hash: null,
      problem: `has ${megabytes(file.size)}, and this service takes ${megabytes(bytesMax)} at most`,
    };
  }
  try {
    const format = await imageFormat(file);
    if (!READ_FORMATS.has(format)) {
      return { hash: null, problem: format === null ? "is no photo" : `is ${format}, which the service does not read` };
    }
    const bytes = new Uint8Array(await file.arrayBuffer());
    return { hash: await sha256(bytes), problem: null };
  } catch {
    // Such as a file that is gone since it was chosen.
    return { hash: null, problem: "cannot be read" };
  }
}

const LEFT_SHOWN = 3;

function sentences({ added, moved, there, left }: Tally): readonly string[] {
  const more = left.length - LEFT_SHOWN;
  return [
    ...(added > 0 ? [`${counted(added, "photo")} added.`] : []),
    ...(moved > 0 ? [`${counted(moved, "photo")} moved here from another class: a photo is in one class.`] : []),
    ...(there > 0 ? [`${counted(there, "photo")} had been there already.`] : []),
    ...left.slice(0, LEFT_SHOWN),
    ...(more > 0 ? [`And ${counted(more, "file")} more left out.`] : []),
  ];
}
