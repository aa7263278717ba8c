/** What the service and the thread of the store say to each other. */
import type { AccuracyReport, StoreProblem } from "../ports.js";
import type { Place } from "./database.js";
import type { AnswerRow } from "./schema.js";
import type { KeepLimits, Label, Owner } from "./store.js";

/** What the thread is started with. */
export interface ThreadOptions {
  readonly place: Place;
  readonly keep: KeepLimits;
}

/** Answers to be written; those of image `n` are named with `image: n`. */
export interface Batch {
  readonly rows: readonly (Omit<AnswerRow, "image_sha256"> & { readonly image: number | null })[];
  /** Given away. */
  readonly images: readonly Uint8Array<ArrayBuffer>[];
}

export type Call =
  | { readonly kind: "label"; readonly label: Label }
  | { readonly kind: "forget"; readonly requestId: string; readonly owner: Owner }
  | { readonly kind: "report"; readonly id: string; readonly version: string }
  | { readonly kind: "settle" }
  | { readonly kind: "close" };

/** By the call's kind. */
export interface Values {
  readonly label: string | null;
  readonly forget: number;
  readonly report: AccuracyReport;
  readonly settle: null;
  readonly close: null;
}

export type ToThread = { readonly number: number } & ({ readonly kind: "write"; readonly batch: Batch } | Call);

export type FromThread =
  /** A call has its value, or could not be made. */
  | { readonly kind: "value"; readonly number: number; readonly value: Values[keyof Values] }
  | { readonly kind: "failed"; readonly number: number; readonly problem: StoreProblem }
  /** A batch is written, or never will be. */
  | { readonly kind: "written"; readonly number: number; readonly isLost: boolean }
  /** Null once the store does what it is asked again. */
  | { readonly kind: "problem"; readonly problem: StoreProblem | null; readonly detail: string };
