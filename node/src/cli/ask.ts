/** Questions to whoever sits at the terminal. */
import { createInterface } from "node:readline/promises";

/** Whether somebody can be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** The answer; null where nobody can be asked, or nothing was answered. */
export async function ask(question: string): Promise<string | null> {
  if (!canAsk()) return null;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // The end of input (Ctrl+D) is no answer.
    const answer = (await terminal.question(question).catch(() => "")).trim();
    return answer === "" ? null : answer;
  } finally {
    terminal.close();
  }
}

/** Whether the answer was yes. */
export async function confirm(question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await ask(`${question} [y/N] `)) ?? "");
}
