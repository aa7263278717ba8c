/** Labelled photos decide what a graph leaves open: run by run, as the WebAssembly function asks for them. */
import { LRUCache } from "lru-cache";
import { AppError } from "../errors.js";
import type { Decision, Example, NextStep, Try } from "../generated/contract.js";
import type { ClassifyTarget, ExamplePhoto } from "../ports.js";
import { sha256 } from "../sha256.js";
import { transferable } from "./transferable.js";
import type { ModelCall, Reply } from "./wasm-worker.js";

/** A decision takes a few kilobytes. */
const DECISIONS_MAX = 256;
/** Views of one exchange. A run cannot be taken back, so others wait for no more than this. */
const VIEWS_COUNT_MAX = 2;
/** Ways of fitting a photo, at most: five cuts with three filters (`wasm/src/examples/ways.rs`). */
const VIEWS_MAX = 15;
/** Bytes of all views of a photo, which are made at once: those of an input of 1,700 x 1,700 colours. */
const VIEWS_BYTES_MAX = 128 * 1024 * 1024;
/** Bytes of a value of a tensor for each of a pixel. */
const VALUE_BYTES = 4;

/** What deciding takes of a classifier. */
export interface Bench {
  /** `InferOptions`. */
  readonly optionsJson: string;
  readonly memoryBytesKeptMax: number;
  call<K extends Reply["kind"]>(kind: K, call: ModelCall): Promise<Extract<Reply, { kind: K }>>;
  exchange(frame: Uint8Array): Promise<Uint8Array>;
}

/** What was decided lately: one graph is mostly asked about many photos with the same examples. */
export class Decisions {
  readonly #known = new LRUCache<string, Decision>({ max: DECISIONS_MAX });

  /** As `Classifier.decide`. */
  async of(target: ClassifyTarget, photos: readonly ExamplePhoto[], bench: Bench): Promise<Decision> {
    const parts = await Promise.all(photos.map(async ({ label, bytes }) => [label, await sha256(bytes)]));
    const key = JSON.stringify([target.key, parts]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const decision = await decide(target, photos, bench);
    this.#known.set(key, decision);
    return decision;
  }
}

async function decide(
  target: ClassifyTarget,
  photos: readonly ExamplePhoto[],
  { optionsJson, memoryBytesKeptMax, call, exchange }: Bench,
): Promise<Decision> {
  const { spec, party, imagesMax, tensors } = target;
  if (spec.input.dtype === "float32" && !tensors) {
    const detail = "What serves this model takes no float32 tensors, so that no photo can be tried in several ways.";
    throw new AppError("field_invalid", detail);
  }
  const model = { key: target.key };
  const viewBytes = spec.input.width * spec.input.height * spec.input.channels;
  const viewsBytes = VIEWS_MAX * viewBytes;
  if (viewsBytes > VIEWS_BYTES_MAX) {
    const detail = `An input of ${spec.input.width} x ${spec.input.height} is too large for photos to be tried in several ways; name the settings.`;
    throw new AppError("field_invalid", detail);
  }
  // A graph that is fixed at a batch computes all of it.
  const countMax = Math.min(Math.max(VIEWS_COUNT_MAX, spec.input.batch ?? 1), imagesMax);
  const held = [party.hold(2 * countMax * VALUE_BYTES * viewBytes)];
  try {
    const examples: Example[] = [];
    const viewsOf: Uint8Array[] = [];
    for (const { label, bytes } of photos) {
      // At most; what is the same in two ways is there once.
      const release = party.hold(viewsBytes);
      const image = transferable(bytes);
      const viewCall = { kind: "exampleViews", model, image, label, optionsJson, memoryBytesKeptMax } as const;
      const viewed = await call("viewed", viewCall).finally(release);
      held.push(party.hold(viewed.pixels.length));
      viewsOf.push(viewed.pixels);
      examples.push({ label, views: [...viewed.views], tries: [] });
    }
    for (;;) {
      const { json } = await call("json", { kind: "exampleStep", model, examplesJson: JSON.stringify(examples) });
      const step = JSON.parse(json) as NextStep;
      if (step.kind === "decided") return step.decision;
      const [example, pixels] = [examples[step.photo], viewsOf[step.photo]];
      if (example === undefined || pixels === undefined) throw new Error(`there is no photo ${step.photo}`);
      for (let from = 0; from < step.views.length; from += countMax) {
        const places = step.views.slice(from, from + countMax);
        const scalings = Uint32Array.from(step.scalings.slice(from, from + countMax));
        const shown = Buffer.concat(places.map((view) => pixels.subarray(view * viewBytes, (view + 1) * viewBytes)));
        const { frame } = await call("fed", { kind: "exampleFrame", model, pixels: shown, scalings });
        const reply = await exchange(frame);
        const { label } = example;
        const judge = { kind: "exampleTries", model, reply, label, scalings, views: Uint32Array.from(places) } as const;
        example.tries.push(...(JSON.parse((await call("json", judge)).json) as Try[]));
      }
    }
  } finally {
    for (const release of held) release();
  }
}
