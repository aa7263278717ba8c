/** TensorFlow Serving over gRPC: the messages of `node/protos/tensorflow_serving.proto`. */
import { AppError } from "../../errors.js";
import type { Models, ModelZoo } from "../../ports.js";
import type { TensorMetadata } from "../../tensors.js";
import { type Call, checkName, type GrpcMethod, type Long, visitOf } from "../grpc/method.js";
import type { InferDeps, NamedModel } from "../oip/infer.js";
import type { Content, InputTensor, OutputTensor } from "../oip/message.js";
import { modelMetadata } from "../oip/metadata.js";
import { classifyExamples } from "./classify.js";
import { predict } from "./predict.js";
import { ENCODED, signaturesOf } from "./signatures.js";

export interface PredictionDeps extends InferDeps {
  readonly models: Models;
  readonly zoo: ModelZoo;
  /** The bytes of a message of this type. */
  readonly encode: (type: string, message: object) => Uint8Array;
}

interface ModelSpecMessage {
  readonly name: string;
  readonly version: { readonly value: Long } | null;
  readonly version_label: string;
  readonly signature_name: string;
}

interface TensorMessage {
  readonly dtype: number;
  readonly tensor_shape: { readonly dim: readonly { readonly size: Long }[] } | null;
  readonly tensor_content: Uint8Array;
  readonly float_val: readonly number[];
  readonly int_val: readonly number[];
  readonly string_val: readonly Uint8Array[];
}

interface PredictMessage {
  readonly model_spec: ModelSpecMessage | null;
  readonly inputs: Readonly<Record<string, TensorMessage>>;
  readonly output_filter: readonly string[];
}

interface ExampleMessage {
  readonly features: {
    readonly feature: Readonly<
      Record<string, { readonly bytes_list: { readonly value: readonly Uint8Array[] } | null }>
    >;
  } | null;
}

interface ClassifyMessage {
  readonly model_spec: ModelSpecMessage | null;
  readonly input: { readonly example_list: { readonly examples: readonly ExampleMessage[] } | null } | null;
}

interface MetadataMessage {
  readonly model_spec: ModelSpecMessage | null;
  readonly metadata_field: readonly string[];
}

const SERVICE = "tensorflow.serving.PredictionService";
/** `DataType` of TensorFlow. */
const DTYPE = { FP32: 1, UINT8: 4, BYTES: 7 } as const;
const SIGNATURE_FIELD = "signature_def";
const SIGNATURE_TYPE = "tensorflow.serving.SignatureDefMap";
const TENSORS_MAX = 16;
const EXAMPLES_MAX = 1000;
/** Of a tensor that says one value for all of its elements. */
const ELEMENTS_MAX = 8_000_000;
/** Features of an example that are its image where it has several of bytes. */
const IMAGE_FEATURES = ["image/encoded", ENCODED];

export function predictionMethods(deps: PredictionDeps): GrpcMethod[] {
  const works = { access: "infer", works: true } as const;
  return [
    {
      path: `${SERVICE}/Predict`,
      ...works,
      answer: (request, call) => answerPredict(deps, request as PredictMessage, call),
    },
    {
      path: `${SERVICE}/Classify`,
      ...works,
      answer: (request, call) => answerClassify(deps, request as ClassifyMessage, call),
    },
    {
      path: `${SERVICE}/GetModelMetadata`,
      ...works,
      answer: (request, call) => answerMetadata(deps, request as MetadataMessage, call),
    },
  ];
}

async function answerPredict(deps: PredictionDeps, message: PredictMessage, call: Call): Promise<object> {
  const { model, signature } = askedOf(message.model_spec);
  const inputs = Object.entries(message.inputs);
  if (inputs.length > TENSORS_MAX || message.output_filter.length > TENSORS_MAX) {
    throw new AppError("field_invalid", `The message has more than ${TENSORS_MAX} inputs or outputs.`);
  }
  const answer = await predict(deps, visitOf(call), {
    model,
    signature,
    inputs: inputs.map(([name, tensor]) => inputOf(checkName("an input's name", name), tensor)),
    outputs: message.output_filter.map((name) => checkName("output_filter", name)),
  });
  return {
    model_spec: specMessage(answer.model.name, answer.model.version, signature),
    outputs: Object.fromEntries(answer.outputs.map((output) => [output.name, tensorMessage(output)])),
  };
}

async function answerClassify(deps: PredictionDeps, message: ClassifyMessage, call: Call): Promise<object> {
  const { model, signature } = askedOf(message.model_spec);
  const examples = message.input?.example_list?.examples ?? [];
  if (examples.length > EXAMPLES_MAX) throw new AppError("field_invalid", `More than ${EXAMPLES_MAX} examples.`);
  const images = examples.map(imageOf);
  const { identity, results } = await classifyExamples(deps, visitOf(call), { model, signature, images });
  return {
    model_spec: specMessage(identity.id, identity.version, signature),
    result: { classifications: results.map((classes) => ({ classes })) },
  };
}

async function answerMetadata(deps: PredictionDeps, message: MetadataMessage, call: Call): Promise<object> {
  const { model } = askedOf(message.model_spec);
  const [field] = message.metadata_field;
  if (field !== SIGNATURE_FIELD || message.metadata_field.length > 1) {
    throw new AppError("field_invalid", `metadata_field must be ${SIGNATURE_FIELD}, and no other.`);
  }
  const metadata = await modelMetadata(deps.models, deps.zoo, visitOf(call), model);
  const signatures = Object.entries(signaturesOf(metadata)).map(([name, { method, inputs, outputs }]) => [
    name,
    { method_name: method, inputs: infosOf(inputs), outputs: infosOf(outputs) },
  ]);
  const version = model.version ?? deps.zoo.find(model.id)?.manifest.version ?? "";
  return {
    model_spec: specMessage(metadata.name, version, ""),
    metadata: {
      [SIGNATURE_FIELD]: {
        type_url: `type.googleapis.com/${SIGNATURE_TYPE}`,
        value: deps.encode(SIGNATURE_TYPE, { signature_def: Object.fromEntries(signatures) }),
      },
    },
  };
}

function infosOf(tensors: readonly TensorMetadata[]): object {
  const entries = tensors.map(({ name, datatype, shape }) => [
    name,
    { name: `${name}:0`, dtype: DTYPE[datatype as keyof typeof DTYPE], tensor_shape: shapeMessage(shape) },
  ]);
  return Object.fromEntries(entries);
}

/** Our versions are texts: TensorFlow Serving's are numbers, beside which there are labels. */
function askedOf(spec: ModelSpecMessage | null): { readonly model: NamedModel; readonly signature: string } {
  const label = checkName("version_label", spec?.version_label ?? "");
  const version = spec?.version == null ? label : String(spec.version.value);
  return {
    model: { id: checkName("model_spec.name", spec?.name ?? ""), version: version === "" ? null : version },
    signature: spec?.signature_name ?? "",
  };
}

function specMessage(name: string, version: string, signature: string): object {
  const isNumber = /^\d{1,15}$/.test(version);
  return {
    name,
    signature_name: signature,
    ...(isNumber ? { version: { value: Number(version) } } : { version_label: version }),
  };
}

/** @throws AppError `field_invalid`. */
function inputOf(name: string, tensor: TensorMessage): InputTensor {
  const { dtype, tensor_shape: shape, string_val: items } = tensor;
  const axes = shape?.dim.map(({ size }) => size.toNumber()) ?? [];
  if (dtype === DTYPE.BYTES) {
    // One text alone is no batch, as `tf.make_tensor_proto` makes it.
    return { name, datatype: "BYTES", shape: axes.length === 0 ? [items.length] : axes, content: { items } };
  }
  if (dtype === DTYPE.FP32)
    return { name, datatype: "FP32", shape: axes, content: contentOf(tensor, "float_val", axes) };
  if (dtype === DTYPE.UINT8)
    return { name, datatype: "UINT8", shape: axes, content: contentOf(tensor, "int_val", axes) };
  const detail = `The dtype of input ${JSON.stringify(name)} must be DT_FLOAT (what the graph is fed), DT_UINT8 (pixels) or DT_STRING (encoded images).`;
  throw new AppError("field_invalid", detail);
}

/** Where there are fewer values than elements, the last one stands for the rest (`tensor.proto`). */
function contentOf(
  tensor: Pick<TensorMessage, "tensor_content" | "float_val" | "int_val">,
  field: "float_val" | "int_val",
  shape: readonly number[],
): Content {
  if (tensor.tensor_content.length > 0) return { raw: tensor.tensor_content };
  const values = tensor[field];
  const count = shape.reduce((product, axis) => product * axis, 1);
  const last = values.at(-1);
  if (last === undefined || values.length >= count || count > ELEMENTS_MAX) return { values };
  const filled = new Float64Array(count).fill(last);
  filled.set(values);
  return { values: filled };
}

function tensorMessage({ shape, values }: OutputTensor): object {
  const tensor_shape = shapeMessage(shape);
  return values instanceof Float32Array
    ? { dtype: DTYPE.FP32, tensor_shape, float_val: values }
    : { dtype: DTYPE.BYTES, tensor_shape, string_val: values.map((text) => Buffer.from(text)) };
}

function shapeMessage(shape: readonly number[]): object {
  return { dim: shape.map((size) => ({ size })) };
}

/** @throws AppError `field_invalid`, `image_missing`. */
function imageOf({ features }: ExampleMessage, index: number): Uint8Array {
  const images = Object.entries(features?.feature ?? {}).flatMap(([name, { bytes_list: bytes }]) =>
    bytes === null ? [] : [{ name, values: bytes.value }],
  );
  const named = images.find(({ name }) => IMAGE_FEATURES.includes(name));
  const [image] = images;
  if (image === undefined)
    throw new AppError("image_missing", `Example ${index} has no feature of bytes; send an image.`);
  const { values } = named ?? image;
  const [bytes] = values;
  if ((named === undefined && images.length > 1) || values.length !== 1 || bytes === undefined) {
    const detail = `Example ${index} must have one image: one feature of bytes, or ${IMAGE_FEATURES.join(" or ")}, with one value.`;
    throw new AppError("field_invalid", detail);
  }
  return bytes;
}
