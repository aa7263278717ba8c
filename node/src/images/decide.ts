/** Photos decide what a graph leaves open: run by run, as the WebAssembly function asks for them. */
import { LRUCache } from "lru-cache";
import { AppError } from "../errors.js";
import type { Decision, Example, NextStep, Try } from "../generated/contract.js";
import { joinInTurns } from "../join-chunks.js";
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
    const hashes = await Promise.all(photos.map(({ bytes }) => sha256(bytes)));
    const different = differentOf(photos, hashes);
    const key = JSON.stringify([target.key, [...different].map(([hash, { label }]) => [hash, label])]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const decision = await decide(target, [...different.values()], bench);
    this.#known.set(key, decision);
    return decision;
  }
}

/**
 * The photos by their hashes: one that came twice says no more than once.
 * @throws AppError `field_invalid` where it came with different labels.
 */
function differentOf(photos: readonly ExamplePhoto[], hashes: readonly string[]): Map<string, ExamplePhoto> {
  const different = new Map<string, ExamplePhoto>();
  for (const [place, photo] of photos.entries()) {
    const hash = hashes[place] ?? "";
    const known = different.get(hash)?.label ?? null;
    if (known !== null && photo.label !== null && known !== photo.label) {
      const detail = `example_label=${photo.label}: the same photo came as ${JSON.stringify(known)} before; send it once.`;
      throw new AppError("field_invalid", detail);
    }
    if (known === null) different.set(hash, photo);
  }
  return different;
}

/** A photo that cannot be viewed, by its name among the others. */
function named(error: unknown, { label }: ExamplePhoto): unknown {
  if (!(error instanceof AppError) || !error.code.startsWith("image_")) return error;
  const name =
    label === null ? "an example_file without a label" : `the example_file labelled ${JSON.stringify(label)}`;
  return new AppError(error.code, `Of ${name}: ${error.message}`);
}

async function decide(
  target: ClassifyTarget,
  given: readonly ExamplePhoto[],
  { optionsJson, memoryBytesKeptMax, call, exchange }: Bench,
): Promise<Decision> {
  const { spec, party, imagesMax, tensors } = target;
  if (spec.input.dtype === "float32" && !tensors) {
    const detail = "What serves this model takes no float32 tensors, so that no photo can be tried in several ways.";
    throw new AppError("field_invalid", detail);
  }
  // Those without labels stand behind the others.
  const photos = given.toSorted((one, other) => Number(one.label === null) - Number(other.label === null));
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
    for (const photo of photos) {
      const { label, bytes } = photo;
      const image = await transferable(bytes);
      // At most; what is the same in two ways is there once.
      const release = party.hold(viewsBytes);
      const viewCall = { kind: "exampleViews", model, image, label, optionsJson, memoryBytesKeptMax } as const;
      const viewed = await call("viewed", viewCall)
        .catch((error: unknown) => {
          throw named(error, photo);
        })
        .finally(release);
      held.push(party.hold(viewed.pixels.length));
      viewsOf.push(viewed.pixels);
      examples.push({ ...(label === null ? {} : { label }), views: [...viewed.views], tries: [] });
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
        const shown = await joinInTurns(
          places.map((view) => pixels.subarray(view * viewBytes, (view + 1) * viewBytes)),
        );
        const { frame } = await call("fed", { kind: "exampleFrame", model, pixels: shown, scalings });
        const reply = await exchange(frame);
        const { label = null } = example;
        const judge = { kind: "exampleTries", model, reply, label, scalings, views: Uint32Array.from(places) } as const;
        example.tries.push(...(JSON.parse((await call("json", judge)).json) as Try[]));
      }
    }
  } finally {
    for (const release of held) release();
  }
}
