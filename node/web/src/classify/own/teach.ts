/** What the user says of photos, by which settings of the graph are decided. */
import { own, photo } from "../../state.js";
import { ask } from "../ask.js";

/** Says what the photo shows, and asks about it again. */
export function teach(label: string): Promise<void> {
  const mine = own.value;
  const file = photo.value?.file;
  if (mine !== null && file) {
    const others = mine.examples.filter((example) => example.photo !== file);
    own.value = { ...mine, examples: [...others, { photo: file, label }] };
  }
  return ask();
}
