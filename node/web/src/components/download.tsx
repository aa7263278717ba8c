/** A file of the service to keep. With a key it is fetched first, because a link carries none. */
import { useState } from "preact/hooks";
import { Refusal, readFile } from "../api.js";
import { announcement, key } from "../state.js";
import { saveFile } from "./save-file.js";

interface Props {
  readonly path: string;
  readonly name: string;
  readonly words: string;
}

export function Download({ path, name, words }: Props) {
  const [said, setSaid] = useState<string | null>(null);
  const fetchFirst = async (event: Event) => {
    if (key.value === "") return;
    event.preventDefault();
    setSaid("Loading …");
    try {
      saveFile(name, await readFile(path), "application/octet-stream");
      setSaid(null);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      setSaid(error.message);
      announcement.value = error.message;
    }
  };
  return (
    <a class="button" href={path} download={name} onClick={(event) => void fetchFirst(event)}>
      {said ?? words}
    </a>
  );
}
