/**
 * What the page knows, in one place. Views read it and are drawn anew when it changes; the files beside them change it.
 * What the service knows better (its models, its state) is kept as it was last told, and asked for again (`poll.ts`).
 */
import { computed, signal } from "@preact/signals";
import type { ErrorCode, ModelSpec } from "../../src/generated/contract.js";
import type { ListedModel, Refusal, Result, ServiceFacts, Upload } from "./api.js";
import type { Batch } from "./classify/many/batch.js";
import type { Region } from "./classify/region.js";
import { route } from "./route.js";

/** A photo that was chosen: a file, or an address that the service fetches. */
export type Photo = { readonly name: string } & (
  | { readonly file: File; readonly address: null }
  | { readonly file: null; readonly address: string }
);

/** A graph of the user's own with what is known of it. */
export interface OwnModel {
  readonly graph: File;
  readonly labels: File | null;
  /** The fields of `POST /infer` that the user set. */
  readonly settings: Readonly<Record<string, string>>;
  /** Photos of which the user said what they show. */
  readonly examples: readonly { readonly photo: File; readonly label: string }[];
  /** How the graph is read; null while it is not. */
  readonly spec: ModelSpec | null;
  /** SHA-256 of the graph once the service has it: then later questions name it and do not send it again. */
  readonly keptSha256: string | null;
}

/** What is under way. */
export interface Work {
  readonly upload: Upload | null;
  /** When the upload began, in milliseconds of `performance.now()`. */
  readonly since: number;
  /** What it waits for; null while it is worked on. */
  readonly waits: string | null;
}

/** What came of the last question. */
export type Reply =
  | { readonly kind: "answer"; readonly results: readonly Result[] }
  | {
      readonly kind: "refusal";
      readonly refusal: Refusal;
      readonly retry: () => void;
    };

const KEY_STORED_AS = "api-key";

/** The API key, empty where there is none. It stays in this tab's memory of this address. */
export const key = signal(sessionStorage.getItem(KEY_STORED_AS) ?? "");
/** Whether the service asked for a key. */
export const wantsKey = signal(key.value !== "");
/** Whether the service answered when it was last asked for its state. */
export const isReachable = signal(true);
/** As last listed; null before that, and while the list may not be had. */
export const models = signal<readonly ListedModel[] | null>(null);
/** What the service tells of itself; null before it did. */
export const service = signal<ServiceFacts | null>(null);
/** What a screen reader says next. */
export const announcement = signal("");

export const photos = signal<readonly Photo[]>([]);
export const region = signal<Region>({ kind: "whole" });
/** Whether large photos are made into pixels here, which are sent in their place. */
export const sendsPixels = signal(false);
export const own = signal<OwnModel | null>(null);
/** Labels that came before their graph. */
export const waitingLabels = signal<File | null>(null);
export const work = signal<Work | null>(null);
export const reply = signal<Reply | null>(null);
/** Many photos on their way; null while there is one or none. */
export const batch = signal<Batch | null>(null);

/** The only photo; null while there is none or more than one. */
export const photo = computed(() => (photos.value.length === 1 ? (photos.value[0] ?? null) : null));

/** The models that can answer. */
export const usableModels = computed(() =>
  (models.value ?? []).filter(({ state }) => state === "available" || state === "loading"),
);

/** Ids of the models that the address names; none of them is the service's default. */
export const chosenModels = computed<readonly string[]>(() => {
  const now = route.value;
  if (now.view !== "classify") return [];
  const fallback = models.value?.find((model) => model.default)?.id;
  const first = now.model ?? (now.other === null ? undefined : fallback);
  return [first, now.other].filter((id) => id !== undefined && id !== null);
});

/** The code of the last refusal, by which controls mark themselves. */
export const blame = computed<ErrorCode | "unreachable" | null>(() =>
  reply.value?.kind === "refusal" ? reply.value.refusal.code : null,
);

export function setKey(text: string): void {
  // A header takes nothing else, and keys have nothing else.
  key.value = text.replace(/[^!-~]/g, "");
  sessionStorage.setItem(KEY_STORED_AS, key.value);
}
