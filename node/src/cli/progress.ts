/** How far a long command is, in one line that is written over; where nobody watches nothing, or now and then a line of a log. */

const BAR_WIDTH = 30;
const CLEAR_LINE = "\r\u001b[K";
const MEGABYTE = 1e6;

/** A pace of less is chance. */
const PACE_SECONDS_MIN = 3;

/** What is needed of a stream: `process.stderr`. */
export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export class Progress {
  readonly #isTerminal: boolean;
  #done = 0;
  #isShown = false;
  readonly #startedMs = performance.now();

  readonly #begun: number;
  readonly #logMs: number;
  #loggedMs = this.#startedMs;

  /** `begun` are those that an earlier run has done; a log gets a line each `logMs`, none when absent. */
  constructor(
    private readonly total: number,
    private readonly terminal: Terminal,
    { begun = 0, logMs = Number.POSITIVE_INFINITY }: { readonly begun?: number; readonly logMs?: number } = {},
  ) {
    this.#isTerminal = terminal.isTTY === true;
    this.#begun = begun;
    this.#logMs = logMs;
    this.#done = begun;
  }

  /** Counts one more. A single step is not shown. */
  step(): void {
    this.#done += 1;
    if (this.total > 1) this.#show(this.#done / this.total, `${this.#done} of ${this.total}${this.#pace()}`);
  }

  /** Shows how far a stage of the work is: a share from 0 to 1. */
  share(stage: string, share: number): void {
    this.#show(share, `${stage}: ${Math.floor(100 * share)} %`);
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

  #log(words: string): void {
    const now = performance.now();
    if (now - this.#loggedMs < this.#logMs) return;
    this.#loggedMs = now;
    this.terminal.write(`${words}\n`);
  }

  /** How many a second in this run, and how long the rest takes at that pace; nothing in the first seconds. */
  #pace(): string {
    const seconds = (performance.now() - this.#startedMs) / 1000;
    if (seconds < PACE_SECONDS_MIN) return "";
    const perSecond = (this.#done - this.#begun) / seconds;
    return `, ${perSecond.toFixed(1)} a second, ${duration((this.total - this.#done) / perSecond)} left`;
  }

  #show(share: number, words: string): void {
    if (!this.#isTerminal) {
      this.#log(words);
      return;
    }
    this.#isShown = true;
    const filled = Math.round(BAR_WIDTH * Math.min(1, share));
    this.terminal.write(`${CLEAR_LINE}${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)} ${words}`);
  }
}

/** Such as `2 h 05 min`, `12 min`, `40 s`. */
function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}
