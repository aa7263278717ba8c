/** The signatures of a model: TensorFlow Serving's name for what a request may hold and what is answered. */
import { AppError } from "../../errors.js";
import type { TensorMetadata } from "../../tensors.js";
import type { ModelMetadata } from "../oip/metadata.js";

export interface Signature {
  /** `tensorflow/serving/predict` or `…/classify`. */
  readonly method: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

/** The input that holds encoded images, as TensorFlow Serving's own example names it. */
export const ENCODED = "image_bytes";

const METHOD = "tensorflow/serving/";
const DEFAULT = "serving_default";
const PIXELS = "pixels";
const CLASSIFY = "classify";
/** What each is called with. */
const SIGNATURES: Readonly<Record<string, "predict" | "classify">> = {
  [DEFAULT]: "predict",
  [PIXELS]: "predict",
  [ENCODED]: "predict",
  [CLASSIFY]: "classify",
};

/** `serving_default` is what the graph is fed; the others are what a request may hold in its place. */
export function signaturesOf({
  inputs,
  alternative_inputs: others,
  outputs,
}: ModelMetadata): Record<string, Signature> {
  const encoded = others.filter(({ datatype }) => datatype === "BYTES").map((input) => ({ ...input, name: ENCODED }));
  const predict = (taken: readonly TensorMetadata[]) => ({ method: `${METHOD}predict`, inputs: taken, outputs });
  const [batch] = encoded.map(({ shape }) => shape);
  const classes = (name: string, datatype: string) => ({ name, datatype, shape: [...(batch ?? []), -1] });
  return {
    [DEFAULT]: predict(inputs),
    [PIXELS]: predict(others.filter(({ datatype }) => datatype === "UINT8")),
    [ENCODED]: predict(encoded),
    [CLASSIFY]: {
      method: `${METHOD}classify`,
      inputs: encoded.map((input) => ({ ...input, name: "inputs" })),
      outputs: [classes("classes", "BYTES"), classes("scores", "FP32")],
    },
  };
}

/**
 * What a request holds is seen by its datatype: any signature of the method does, and the usual one with both.
 * @throws AppError `field_invalid`.
 */
export function checkSignature(name: string, method: "predict" | "classify"): void {
  if (name === "" || name === DEFAULT || SIGNATURES[name] === method) return;
  const known = Object.entries(SIGNATURES).flatMap(([known, calledWith]) => (calledWith === method ? [known] : []));
  const detail = `There is no signature ${JSON.stringify(name.slice(0, 100))} to ${method} with; there are: ${[...new Set([DEFAULT, ...known])].join(", ")}.`;
  throw new AppError("field_invalid", detail);
}
