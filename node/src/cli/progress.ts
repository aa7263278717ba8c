/** How far a long command is, in one line that is written over; nothing where nobody watches. */

const BAR_WIDTH = 30;
const CLEAR_LINE = "\r\u001b[K";
const MEGABYTE = 1e6;

/** What is needed of a stream: `process.stderr`. */
export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export class Progress {
  readonly #isTerminal: boolean;
  #done = 0;
  #isShown = false;

  constructor(
    private readonly total: number,
    private readonly terminal: Terminal,
  ) {
    this.#isTerminal = terminal.isTTY === true;
  }

  /** Counts one more. A single step is not shown. */
  step(): void {
    this.#done += 1;
    if (this.total > 1) this.#show(this.#done / this.total, `${this.#done} of ${this.total}`);
  }

  /** Shows how far a download is; `bytesTotal` is null where nobody knows. */
  bytes(name: string, bytes: number, bytesTotal: number | null): void {
    const of = bytesTotal === null ? "" : ` of ${(bytesTotal / MEGABYTE).toFixed(1)}`;
    this.#show(bytesTotal === null ? 0 : bytes / bytesTotal, `${name}: ${(bytes / MEGABYTE).toFixed(1)}${of} MB`);
  }

  /** Takes the line away: before other lines are written, and at the end. */
  clear(): void {
    if (this.#isShown) this.terminal.write(CLEAR_LINE);
    this.#isShown = false;
  }

  #show(share: number, words: string): void {
    if (!this.#isTerminal) return;
    this.#isShown = true;
    const filled = Math.round(BAR_WIDTH * Math.min(1, share));
    this.terminal.write(`${CLEAR_LINE}${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)} ${words}`);
  }
}
