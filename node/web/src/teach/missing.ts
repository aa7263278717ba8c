/** What is missing before it can be trained, in words. */
import { computed } from "@preact/signals";
import { counted } from "../format.js";
import { lesson, photosOf } from "./album.js";

/** With fewer of a class the service trains nothing (`native/teach/src/split.rs`). */
export const PHOTOS_MIN = 5;
/** From here on more photos bring little. */
const PHOTOS_GOOD = 100;
const CLASSES_MIN = 2;

/** What a class lacks; null where it has enough. */
export function missingOf(count: number): string | null {
  const few = PHOTOS_MIN - count;
  return few > 0 ? `${counted(few, "more photo")} needed` : null;
}

/** What more of them would bring; null where there are plenty. */
export function adviceOf(count: number): string | null {
  return count < PHOTOS_GOOD ? "more make it better" : null;
}

/** Sentences; empty where it can be trained. */
export const missing = computed<readonly string[]>(() => {
  const { classes } = lesson.value;
  const few = classes.filter(({ id }) => missingOf(photosOf.value.get(id)?.length ?? 0) !== null);
  const names = few.map(({ label }) => label).join(", ");
  return [
    ...(classes.length < CLASSES_MIN ? [`At least ${CLASSES_MIN} classes are needed.`] : []),
    ...(few.length > 0 ? [`Each class needs at least ${PHOTOS_MIN} photos; too few: ${names}.`] : []),
  ];
});
