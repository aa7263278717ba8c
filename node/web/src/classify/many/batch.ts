/**
 * Many photos on their way: a few at a time, each answered or listed with its reason. Of an answered photo only labels
 * and numbers are kept, and its file stays on the disk.
 */
import { type Signal, signal } from "@preact/signals";
import type { Band } from "../../../../src/generated/contract.js";
import { classify, Refusal, type Result } from "../../api.js";
import { poll } from "../../poll.js";
import {
  announcement,
  batch,
  isReachable,
  type OwnModel,
  own,
  type Photo,
  photos,
  reply,
  wantsKey,
} from "../../state.js";
import { cancelWork, isWait } from "../../work.js";
import { type Field, formOf, modelFields } from "../question.js";
import type { Answered } from "../said.js";
import { Pacer } from "./pacer.js";

/** What one model says of one photo. */
export interface Verdict {
  readonly model: string;
  readonly label: string;
  readonly index: number;
  readonly probability: number;
  readonly band: Band;
  /** By what its feedback is given. */
  readonly answer: Answered;
}

export type ItemState =
  | { readonly kind: "waiting" | "sent" }
  | { readonly kind: "answered"; readonly verdicts: readonly Verdict[] }
  | { readonly kind: "failed"; readonly code: string; readonly reason: string };

export interface Item {
  readonly place: number;
  readonly photo: Photo;
  readonly state: Signal<ItemState>;
}

export interface Progress {
  readonly answered: number;
  readonly failed: number;
  /** Photos a second; null while that says nothing. */
  readonly perSecond: number | null;
  /** Until the service is asked again; 0 while it takes photos. */
  readonly waitsSeconds: number;
}

/** Of these a second try may come out otherwise. A service that is there may break the connection over one photo. */
const TRIED_AGAIN: ReadonlySet<string> = new Set([
  "unreachable",
  "engine_failed",
  "engine_unavailable",
  "engine_timeout",
  "internal",
]);
const TRIES_MAX = 2;
/** The page is drawn anew so often, however fast answers come. */
const SHOWN_EVERY_MS = 250;
/** The rate is that of the last seconds. */
const RATE_SECONDS = 10;

export class Batch {
  readonly items: readonly Item[];
  /** Grows slowly: what is drawn of the whole hangs on it alone. */
  readonly progress = signal<Progress>({ answered: 0, failed: 0, perSecond: null, waitsSeconds: 0 });
  readonly run = signal<"running" | "paused" | "ended">("running");
  /** Whether more than one model answers. */
  readonly isCompared: boolean;
  readonly #models: readonly Field[];
  /** The model of the user's own, where it is asked: the first photo takes the graph along. */
  #mine: OwnModel | null;
  readonly #pacer = new Pacer();
  readonly #queue: Item[];
  readonly #tries = new Map<Item, number>();
  #given = new AbortController();
  #sent = 0;
  #answered = 0;
  #failed = 0;
  /** How many were done when, for the rate. */
  #marks: { readonly at: number; readonly done: number }[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(chosen: readonly Photo[]) {
    this.items = chosen.map((photo, place) => ({ place, photo, state: signal<ItemState>({ kind: "waiting" }) }));
    this.#mine = own.value;
    this.#models = modelFields();
    this.isCompared = this.#mine === null && this.#models.length > 1;
    this.#queue = [...this.items];
    this.resume();
  }

  get isDone(): boolean {
    return this.#answered + this.#failed === this.items.length;
  }

  /** Those on their way are answered still. */
  pause(): void {
    if (this.run.value === "running") this.run.value = "paused";
    this.#show();
  }

  resume(): void {
    this.run.value = "running";
    this.#marks = [];
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#show(), SHOWN_EVERY_MS);
    this.#pump();
  }

  /** Drops what is on its way and what waits. What was answered stays. */
  cancel(): void {
    this.#given.abort();
    this.#given = new AbortController();
    for (const item of this.items) {
      const { kind } = item.state.value;
      if (kind === "waiting" || kind === "sent") this.#fail(item, "cancelled", "You cancelled it.");
    }
    this.#queue.length = 0;
    this.#end();
  }

  /** Asks again for those that failed. */
  retry(): void {
    for (const item of this.items) {
      if (item.state.value.kind !== "failed") continue;
      item.state.value = { kind: "waiting" };
      this.#queue.push(item);
    }
    this.#failed = 0;
    this.#tries.clear();
    this.resume();
  }

  #pump(): void {
    while (this.run.value === "running" && this.#queue.length > 0 && this.#pacer.allows(this.#sent)) {
      if (this.#carriesGraph && this.#sent > 0) return;
      const item = this.#queue.shift();
      if (item !== undefined) void this.#ask(item);
    }
    if (this.isDone && this.run.value !== "ended") this.#end();
  }

  get #carriesGraph(): boolean {
    return this.#mine !== null && this.#mine.keptSha256 === null;
  }

  async #ask(item: Item): Promise<void> {
    const { signal: given } = this.#given;
    const { photo } = item;
    this.#sent += 1;
    item.state.value = { kind: "sent" };
    try {
      const image: Field = photo.file === null ? ["image_url", photo.address] : ["image_file", photo.file];
      const fields = this.#mine === null ? this.#models : modelFields(this.#mine);
      const results = await classify(formOf([...fields, image]), { signal: given });
      if (this.#mine !== null) this.#mine = { ...this.#mine, keptSha256: results[0]?.model.sha256 ?? null };
      this.#pacer.taken();
      this.#answered += 1;
      item.state.value = { kind: "answered", verdicts: results.map(verdict) };
    } catch (error) {
      if (given.aborted) return;
      if (!(error instanceof Refusal)) throw error;
      await this.#take(error, item, given);
    } finally {
      this.#sent -= 1;
      this.#pump();
    }
  }

  async #take(refusal: Refusal, item: Item, given: AbortSignal): Promise<void> {
    const { code } = refusal;
    const tries = this.#tries.get(item) ?? 0;
    const putBack = () => {
      item.state.value = { kind: "waiting" };
      this.#queue.unshift(item);
    };
    // The list of models tells whether the service is gone, or only this photo's connection.
    if (code === "unreachable") await poll();
    if (given.aborted) return;
    if (isWait(refusal) || (code === "unreachable" && !isReachable.value)) {
      this.#pacer.refused(refusal.about.retryAfterSeconds);
      putBack();
    } else if (code === "unauthorized" || code === "forbidden") {
      wantsKey.value = true;
      this.pause();
      putBack();
    } else if (code === "model_unknown" && this.#mine !== null && !this.#carriesGraph) {
      this.#mine = { ...this.#mine, keptSha256: null };
      putBack();
    } else if (TRIED_AGAIN.has(code) && tries < TRIES_MAX) {
      this.#tries.set(item, tries + 1);
      item.state.value = { kind: "waiting" };
      this.#queue.push(item);
    } else {
      this.#fail(item, code, refusal.message);
    }
  }

  #fail(item: Item, code: string, reason: string): void {
    this.#failed += 1;
    item.state.value = { kind: "failed", code, reason };
  }

  #end(): void {
    this.run.value = "ended";
    clearInterval(this.#timer);
    this.#show();
    announcement.value = `${this.#answered} of ${this.items.length} photos answered, ${this.#failed} not.`;
  }

  #show(): void {
    const now = performance.now();
    const done = this.#answered + this.#failed;
    this.#marks.push({ at: now, done });
    while ((this.#marks[0]?.at ?? now) < now - 1000 * RATE_SECONDS) this.#marks.shift();
    const [first] = this.#marks;
    const seconds = first === undefined ? 0 : (now - first.at) / 1000;
    const perSecond = first === undefined || seconds < 1 ? null : (done - first.done) / seconds;
    const waitsSeconds = Math.ceil(this.#pacer.waitMs / 1000);
    this.progress.value = { answered: this.#answered, failed: this.#failed, perSecond, waitsSeconds };
    this.#pump();
  }
}

/** Takes many photos in the place of what was there. */
export function beginBatch(chosen: readonly Photo[]): void {
  endBatch();
  cancelWork();
  reply.value = null;
  batch.value = new Batch(chosen);
}

/** Goes back to one photo, or none. */
export function endBatch(): void {
  if (batch.value === null) return;
  if (batch.value.run.value !== "ended") batch.value.cancel();
  batch.value = null;
  if (photos.value.length > 1) photos.value = [];
}

function verdict({ model, label, index, probability, band, top, asked }: Result): Verdict {
  const answer = { model: { id: model.id }, label, top: top.map((entry) => ({ label: entry.label })), asked };
  return { model: model.id, label, index, probability, band, answer };
}
