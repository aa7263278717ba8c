/** The Open Inference Protocol, version 2, over gRPC: the messages of `node/protos/inference.proto`. */
import { AppError } from "../../errors.js";
import type { Models, ModelZoo, Readiness } from "../../ports.js";
import { type Call, checkName, type GrpcMethod, type Long, visitOf } from "../grpc/method.js";
import { type InferDeps, infer, type NamedModel } from "./infer.js";
import { type Content, datatypeOf, type InferRequest, type InputTensor, rawOf } from "./message.js";
import { checkReady, modelMetadata, SERVER_METADATA } from "./metadata.js";
import { checkLoadParameters, repositoryIndex } from "./repository.js";

export interface GrpcInferDeps extends InferDeps {
  readonly models: Models;
  readonly zoo: ModelZoo;
  readonly readiness: () => Readiness;
}

interface Parameter {
  readonly int64_param?: Long;
}

type Parameters = Readonly<Record<string, Parameter>>;

interface InferInputMessage {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly Long[];
  readonly parameters: Parameters;
  readonly contents: {
    readonly uint_contents: readonly number[];
    readonly fp32_contents: readonly number[];
    readonly bytes_contents: readonly Uint8Array[];
  } | null;
}

interface InferMessage {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly inputs: readonly InferInputMessage[];
  readonly outputs: readonly { readonly name: string; readonly parameters: Parameters }[];
  readonly raw_input_contents: readonly Uint8Array[];
}

interface ModelMessage {
  readonly name: string;
  /** Empty for the one that is served. */
  readonly version: string;
}

interface RepositoryMessage {
  readonly model_name: string;
  readonly ready: boolean;
  readonly parameters: Parameters;
}

const SERVICE = "inference.GRPCInferenceService";
const TENSORS_MAX = 16;
const CLASSIFICATION_MAX = 65_536;

export function inferenceMethods(deps: GrpcInferDeps): GrpcMethod[] {
  const { models, zoo, readiness } = deps;
  return [
    { path: `${SERVICE}/ServerLive`, access: "probe", answer: () => ({ live: readiness().live }) },
    { path: `${SERVICE}/ServerReady`, access: "probe", answer: () => ({ ready: readiness().ready }) },
    { path: `${SERVICE}/ServerMetadata`, access: "anyone", answer: () => SERVER_METADATA },
    {
      path: `${SERVICE}/ModelReady`,
      access: "infer",
      answer: (request) => ({ ready: isReady(models, zoo, modelOf(request as ModelMessage)) }),
    },
    {
      path: `${SERVICE}/ModelMetadata`,
      access: "infer",
      works: true,
      answer: (request, call) => modelMetadata(models, zoo, visitOf(call), modelOf(request as ModelMessage)),
    },
    {
      path: `${SERVICE}/ModelInfer`,
      access: "infer",
      works: true,
      answer: (request, call) => answerOf(deps, request as InferMessage, call),
    },
    {
      path: `${SERVICE}/RepositoryIndex`,
      access: "infer",
      answer: (request) => ({ models: repositoryIndex(models, (request as RepositoryMessage).ready) }),
    },
    {
      path: `${SERVICE}/RepositoryModelLoad`,
      access: "models",
      works: true,
      answer: (request, call) => load(models, request as RepositoryMessage, call),
    },
    {
      path: `${SERVICE}/RepositoryModelUnload`,
      access: "models",
      answer: (request) => {
        models.unload(checkName("model_name", (request as RepositoryMessage).model_name));
        return {};
      },
    },
  ];
}

async function answerOf(deps: GrpcInferDeps, message: InferMessage, call: Call): Promise<object> {
  const { model_name: name, model_version: version } = message;
  const { id, model, outputs } = await infer(deps, visitOf(call), modelOf({ name, version }), requestOf(message));
  return {
    model_name: model.name,
    model_version: model.version,
    id: id ?? "",
    outputs: outputs.map((output) => ({ name: output.name, datatype: datatypeOf(output), shape: output.shape })),
    raw_output_contents: outputs.map(rawOf),
  };
}

/** @throws AppError `field_invalid`. */
function requestOf({ id, inputs, outputs, raw_input_contents: raws }: InferMessage): InferRequest {
  if (inputs.length > TENSORS_MAX || outputs.length > TENSORS_MAX) {
    throw new AppError("field_invalid", `The message has more than ${TENSORS_MAX} inputs or outputs.`);
  }
  if (raws.length > 0 && raws.length !== inputs.length) {
    const detail = `The message has ${inputs.length} inputs and ${raws.length} raw_input_contents; each input needs its own.`;
    throw new AppError("field_invalid", detail);
  }
  return {
    id: id === "" ? null : checkName("id", id),
    inputs: inputs.map((input, index) => inputOf(input, raws[index])),
    outputs: outputs.map(({ name, parameters }) => ({
      name: checkName("an output's name", name),
      classification: classificationOf(parameters),
    })),
  };
}

function inputOf(
  { name, datatype, shape, parameters, contents }: InferInputMessage,
  raw: Uint8Array | undefined,
): InputTensor {
  checkNoSharedMemory(parameters);
  if (raw !== undefined && contents !== null) {
    const detail = `Input ${JSON.stringify(checkName("name", name))} has contents beside raw_input_contents; send one.`;
    throw new AppError("field_invalid", detail);
  }
  return {
    name: checkName("an input's name", name),
    datatype: checkName("datatype", datatype),
    shape: shape.map((axis) => axis.toNumber()),
    content: raw === undefined ? contentOf(datatype, contents) : { raw },
  };
}

function contentOf(datatype: string, contents: InferInputMessage["contents"]): Content {
  if (datatype === "BYTES") return { items: contents?.bytes_contents ?? [] };
  return { values: (datatype === "UINT8" ? contents?.uint_contents : contents?.fp32_contents) ?? [] };
}

function classificationOf(parameters: Parameters): number {
  checkNoSharedMemory(parameters);
  const count = parameters["classification"]?.int64_param?.toNumber() ?? 0;
  if (count >= 0 && count <= CLASSIFICATION_MAX) return count;
  throw new AppError("field_invalid", `classification=${count}: it must be 0 to ${CLASSIFICATION_MAX}.`);
}

/** @throws AppError `field_invalid`. */
function checkNoSharedMemory(parameters: Parameters): void {
  if (!("shared_memory_region" in parameters)) return;
  throw new AppError("field_invalid", "Shared memory is not offered; send the values.");
}

function isReady(models: Models, zoo: ModelZoo, model: NamedModel): boolean {
  try {
    checkReady(models, zoo, model);
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === "engine_unavailable") return false;
    throw error;
  }
}

async function load(models: Models, { model_name: name, parameters }: RepositoryMessage, call: Call): Promise<object> {
  checkLoadParameters(Object.fromEntries(Object.keys(parameters).map((key) => [key, null])));
  const id = checkName("model_name", name);
  const visit = visitOf(call);
  await visit.run(
    () => models.load(id, visit),
    models.isStrangers({ kind: "zoo", id, version: null }) ? "strangers" : "one",
  );
  return {};
}

function modelOf({ name, version }: ModelMessage): NamedModel {
  return { id: checkName("name", name), version: version === "" ? null : checkName("version", version) };
}
