/** Teaching a model of the service's more: its labels become classes, and it is the model to start from. */
import { nameOf } from "../../../src/label-name.js";
import { Refusal } from "../api.js";
import { readLabels } from "../models/labels.js";
import { replaceRoute } from "../route.js";
import { change, changeLesson, lesson, openAlbum, photosOf, say, withClasses } from "./album.js";
import { mayUseFeedback } from "./job.js";

/** With more of them, nobody fills a column for each. */
const CLASSES_MAX = 30;

export async function beginFrom(id: string): Promise<void> {
  await openAlbum();
  replaceRoute({ view: "teach", from: null });
  let labels: readonly string[];
  try {
    labels = await readLabels(id);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    say([`The labels of ${id} cannot be had: ${error.message}`]);
    return;
  }
  const isUsed = labels.length > 0 && labels.length <= CLASSES_MAX;
  const old = isUsed ? { id, labels, isCompared: true } : null;
  changeLesson({ base: id, fromFeedback: mayUseFeedback.value, old });
  if (isUsed) {
    const names = new Set(labels.map(nameOf));
    const isLeft = ({ id: classId, label }: { readonly id: number; readonly label: string }) =>
      names.has(nameOf(label)) || (photosOf.value.get(classId) ?? []).length > 0;
    await change(`The classes of ${id} added`, { classes: withClasses(labels).filter(isLeft) });
  }
  const { classes } = lesson.value;
  say([
    isUsed
      ? `These are the ${labels.length} classes of ${id}: give each of them photos, old ones and new ones. What it was taught before is not kept but for what it sees.`
      : `${id} has ${labels.length} classes, too many for a column each: begin with those that you want (${classes.length} are there).`,
    ...(mayUseFeedback.value
      ? ["Photos of its answers that the service kept and somebody corrected are taught too."]
      : []),
  ]);
}
