/** Labels of the models, fetched once for each version that is served, for the search. */
import { signal } from "@preact/signals";
import { type ListedModel, modelPath, Refusal, readFile } from "../api.js";

const READ_AT_ONCE = 3;

/** By the model's id; empty where it has none. */
const known = signal<ReadonlyMap<string, readonly string[]>>(new Map());
/** Which version of a model they are of. */
const versions = new Map<string, string>();

/** The lines of a label file as people know them: without a number before, a quote, or a comma. */
export async function readLabels(id: string, abort?: AbortSignal): Promise<readonly string[]> {
  try {
    return splitLabels(await (await readFile(`${modelPath(id)}/labels`, abort)).text());
  } catch (error) {
    if (error instanceof Refusal && error.code !== "unreachable") return [];
    throw error;
  }
}

export async function readAllLabels(list: readonly ListedModel[]): Promise<void> {
  const unread = list.filter(({ id, served }) => versions.get(id) !== `${id}@${served}`);
  for (const { id, served } of unread) versions.set(id, `${id}@${served}`);
  for (let begin = 0; begin < unread.length; begin += READ_AT_ONCE) {
    const some = unread.slice(begin, begin + READ_AT_ONCE).filter(({ state }) => state !== "not fetched");
    const read = await Promise.all(some.map(({ id }) => readLabels(id).catch(() => forget(id))));
    known.value = new Map([...known.value, ...some.map(({ id }, place) => [id, read[place] ?? []] as const)]);
  }
}

/** They are asked for again with the next search. */
function forget(id: string): readonly string[] {
  versions.delete(id);
  return [];
}

/** The first label of a model in which the words are; undefined where none has them, or they are not known. */
export function labelWith(id: string, words: string): string | undefined {
  return known.value.get(id)?.find((label) => label.toLowerCase().includes(words));
}

export function labelsHave(id: string, words: string): boolean {
  return labelWith(id, words) !== undefined;
}

function splitLabels(text: string): readonly string[] {
  const trimmed = text.trim();
  if (/^[[{]/.test(trimmed)) {
    try {
      return Object.values(JSON.parse(trimmed) as object).map(String);
    } catch {
      // It is shown line by line.
    }
  }
  return trimmed
    .split(/\r?\n/)
    .map((line) => line.replace(/^\s*\d+\s*[:,\s]\s*/, "").trim())
    .filter((line) => line !== "");
}
