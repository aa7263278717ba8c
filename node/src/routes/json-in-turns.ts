/** JSON of many items, such as answers with pictures, without a long turn of the event loop. */
import { setImmediate } from "node:timers/promises";
import type { Pieces } from "../ports.js";

/** As much takes less than a millisecond. */
const PIECE_CHARACTERS = 64 * 1024;

/**
 * `facts` with an array of the items as its last field, `name`. Each piece is written in a turn of the event loop of its own;
 * items that are made as they are asked for are made in it too.
 */
export async function jsonInTurns(facts: object, name: string, items: Iterable<object>): Promise<string | Pieces> {
  const head = JSON.stringify(facts).slice(0, -1);
  const pieces: Buffer[] = [];
  let text = `${head}${head === "{" ? "" : ","}${JSON.stringify(name)}:[`;
  let separator = "";
  for (const item of items) {
    text += `${separator}${JSON.stringify(item)}`;
    separator = ",";
    if (text.length < PIECE_CHARACTERS) continue;
    pieces.push(Buffer.from(text));
    text = "";
    await setImmediate();
  }
  return pieces.length === 0 ? `${text}]}` : [...pieces, Buffer.from(`${text}]}`)];
}
