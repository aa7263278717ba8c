/** Whether two engines answer alike. */
import { FRAME_HEADER_BYTES, FRAME_KIND, FRAME_REQUEST_ID_OFFSET, type ModelSpec } from "../generated/contract.js";
import type { LoadedModel, Party } from "../ports.js";

/** Largest difference between two probabilities of one class. */
export const PROBABILITY_DIFFERENCE_MAX = 1e-4;

/** Of a scores frame's payload: counts of images and classes, microseconds of waiting and of the run. */
const SCORES_HEAD_BYTES = 16;

/** In what two models differ on a few made pictures, in words; null where they do not. */
export async function disagreement(wanted: LoadedModel, found: LoadedModel, party: Party): Promise<string | null> {
  for (const picture of PICTURES) {
    const [left, right] = await Promise.all([wanted, found].map((model) => probabilities(model, picture, party)));
    if (left === undefined || right === undefined) return "its answer to a made picture cannot be read";
    if (left.length !== right.length) return `it gives ${right.length} scores, not ${left.length}`;
    const worst = left.reduce((most, value, at) => Math.max(most, Math.abs(value - (right[at] ?? Number.NaN))), 0);
    // Also where it is no number.
    if (!(worst <= PROBABILITY_DIFFERENCE_MAX)) {
      const limit = PROBABILITY_DIFFERENCE_MAX;
      return `on a made picture one of its probabilities differs by ${worst.toPrecision(2)} from libtensorflow's; at most ${limit} is taken`;
    }
  }
  return null;
}

/** A prime, so that rows of no picture begin alike. */
const TILE_BYTES = 4099;

/** Pictures as tiles that are repeated: plain ones, a gradient, waves, and noise that is the same every time. */
const PICTURES: readonly Uint8Array[] = [
  () => 0,
  () => 255,
  (at: number) => (255 * at) / TILE_BYTES,
  (at: number) => 127 + 127 * Math.sin(at / 97),
  // The multiples of the golden ratio, without their whole parts, are spread evenly.
  (at: number) => (at * 0.618_033_988_749_895 * 256) % 256,
  (at: number) => (at < TILE_BYTES / 2 ? 32 : 224) + ((at * 7919) % 31),
].map((byte) => Uint8Array.from({ length: TILE_BYTES }, (_, at) => byte(at)));

/** Undefined where it answers with an error. */
async function probabilities(model: LoadedModel, tile: Uint8Array, party: Party): Promise<Float32Array | undefined> {
  const reply = await model.exchange(inferFrame(model.spec, tile), party);
  if (reply[FRAME_REQUEST_ID_OFFSET - 1] !== FRAME_KIND.scores) return undefined;
  const scores = new Float32Array(reply.slice(FRAME_HEADER_BYTES + SCORES_HEAD_BYTES).buffer);
  return model.spec.output.kind === "logits" ? softmax(scores) : scores;
}

/** A frame with one grey picture. */
export function greyFrame(spec: ModelSpec): Uint8Array {
  return inferFrame(spec, new Uint8Array(TILE_BYTES).fill(128));
}

function inferFrame({ input }: ModelSpec, tile: Uint8Array): Uint8Array {
  const count = input.width * input.height * input.channels;
  const frame = new Uint8Array(FRAME_HEADER_BYTES + 4 + count);
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.length - 4, true);
  view.setUint8(FRAME_REQUEST_ID_OFFSET - 1, FRAME_KIND.infer);
  view.setUint32(FRAME_HEADER_BYTES, 1, true);
  const pixels = frame.subarray(FRAME_HEADER_BYTES + 4);
  for (let at = 0; at < count; at += TILE_BYTES) pixels.set(tile.subarray(0, count - at), at);
  return frame;
}

function softmax(scores: Float32Array): Float32Array {
  const largest = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  const powers = scores.map((score) => Math.exp(score - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
