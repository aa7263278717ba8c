/** How far a long command is, in one line that is written over; nothing where nobody watches. */

const BAR_WIDTH = 30;
const CLEAR_LINE = "\r\u001b[K";

/** What is needed of a stream: `process.stderr`. */
export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export class Progress {
  readonly #isShown: boolean;
  #done = 0;

  constructor(
    private readonly total: number,
    private readonly terminal: Terminal,
  ) {
    this.#isShown = terminal.isTTY === true && total > 1;
  }

  /** Counts one more. */
  step(): void {
    this.#done += 1;
    if (!this.#isShown) return;
    const filled = Math.round((BAR_WIDTH * this.#done) / this.total);
    const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
    this.terminal.write(`${CLEAR_LINE}${bar} ${this.#done} of ${this.total}`);
  }

  /** Takes the line away: before other lines are written, and at the end. */
  clear(): void {
    if (this.#isShown) this.terminal.write(CLEAR_LINE);
  }
}
