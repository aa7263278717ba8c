import { type DestinationStream, type Logger, pino } from "pino";

/** Beyond what JSON escapes: controls that terminals obey, separators of lines, and overrides of the writing direction. */
const UNSAFE = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Writes JSON lines. Whatever a client put into them is safe to show in a terminal. */
export function createLogger(level: string, stream: DestinationStream): Logger {
  return pino({ level, hooks: { streamWrite: (line) => line.replace(UNSAFE, escapeCharacter) } }, stream);
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
