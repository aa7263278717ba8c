import { type DestinationStream, destination, type Logger, pino } from "pino";
import { printable } from "../printable.js";

/** Beyond what JSON escapes: controls that terminals obey, separators of lines, and overrides of the writing direction. */
const UNSAFE = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;
const STDERR = 2;

/** Writes JSON lines. Whatever a client put into them is safe to show in a terminal. */
export function createLogger(level: string, stream: DestinationStream): Logger {
  return pino({ level, hooks: { streamWrite: (line) => line.replace(UNSAFE, escapeCharacter) } }, stream);
}

/** The log on stderr, a line at a time: `pretty` for people at a terminal. */
export async function openLogger(level: string, format: "json" | "pretty"): Promise<Logger> {
  const stderr = destination({ dest: STDERR, sync: false });
  if (format === "json") return createLogger(level, stderr);
  const write = await prettyLines(process.stderr.isTTY && process.env["NO_COLOR"] === undefined);
  return createLogger(level, { write: (line) => void stderr.write(write(line)) });
}

/** One JSON line as one for people. A client's text in it has no controls by then. */
export async function prettyLines(colorize: boolean): Promise<(line: string) => string> {
  const { prettyFactory } = await import("pino-pretty");
  const pretty = prettyFactory({ colorize, singleLine: true, ignore: "pid,hostname", translateTime: "SYS:HH:MM:ss.l" });
  return (line) => pretty(harmless(JSON.parse(line)));
}

/** A stack keeps its lines. */
function harmless(value: unknown, name = ""): unknown {
  if (typeof value === "string")
    return name === "stack" ? value.split("\n").map(printable).join("\n") : printable(value);
  if (Array.isArray(value)) return value.map((item) => harmless(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [printable(key), harmless(inner, key)]));
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
