/** What the user says of photos, by which settings of the graph are decided. */
import { own, photo, reply } from "../../state.js";
import { ask, readOwn } from "../ask.js";

/** Says what the photo shows, asks about it again, and reads how the graph is fed by now. */
export async function teach(label: string): Promise<void> {
  const mine = own.value;
  const file = photo.value?.file;
  if (mine !== null && file) {
    const others = mine.examples.filter((example) => example.photo !== file);
    own.value = { ...mine, examples: [...others, { photo: file, label }] };
  }
  await ask();
  if (reply.value?.kind === "answer") await readOwn();
}
