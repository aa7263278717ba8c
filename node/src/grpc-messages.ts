/** The messages of the gRPC services, as `node/protos` has them. */
import { fileURLToPath } from "node:url";
import { fromJSON, type PackageDefinition } from "@grpc/proto-loader";
import protobuf, { type Field, type Method, type Reader, type Type } from "protobufjs";
import { AppError, messageOf } from "./errors.js";

const FILES = ["inference.proto", "tensorflow_serving.proto"];
const PROTOS_DIR = fileURLToPath(new URL("../protos/", import.meta.url));

/** Messages, texts and byte strings in one message: of two bytes on the wire each becomes an object. */
const OBJECTS_MAX = 10_000;
/** Numbers in one message: of one byte on the wire each takes eight. */
const NUMBERS_MAX = 8_000_000;
/** Of the wire. */
const [FIXED_64, LENGTH_DELIMITED, FIXED_32] = [1, 2, 5];

export interface Messages {
  definition(): PackageDefinition;
  /** `method` is a path such as `inference.GRPCInferenceService/ServerLive`. */
  find(method: string): MethodMessages;
  /** The bytes of a message that travels in another one. */
  encode(type: string, message: object): Uint8Array;
}

export interface MethodMessages {
  /** @throws AppError `field_invalid`. */
  decode(bytes: Uint8Array): unknown;
  encode(answer: object): Buffer;
  encodeRequest(request: object): Buffer;
  /** @throws AppError `field_invalid`. */
  decodeAnswer(bytes: Uint8Array): unknown;
}

export function loadMessages(): Messages {
  const root = new protobuf.Root();
  // Those of protobuf itself come with the library.
  root.resolvePath = (_origin, target) => (target.startsWith("google/") ? target : PROTOS_DIR + target);
  root.loadSync(FILES, { keepCase: true });
  root.resolveAll();
  return {
    definition: () => fromJSON(root.toJSON(), { keepCase: true }),
    find(path) {
      const [service = "", name = ""] = path.split("/");
      const { request, response } = typesOf(root.lookupService(service).methods[name]);
      const [asked, answered] = [shapeOf(request), shapeOf(response)];
      return {
        decode: (bytes) => decode(request, asked, bytes),
        encode: (answer) => Buffer.from(response.encode(answer).finish()),
        encodeRequest: (message) => Buffer.from(request.encode(message).finish()),
        decodeAnswer: (bytes) => decode(response, answered, bytes),
      };
    },
    encode: (type, message) => root.lookupType(type).encode(message).finish(),
  };
}

function typesOf(method: Method | undefined): { request: Type; response: Type } {
  if (method?.resolvedRequestType == null || method.resolvedResponseType == null) throw new Error("no such method");
  return { request: method.resolvedRequestType, response: method.resolvedResponseType };
}

/** @throws AppError `field_invalid` for what is no such message, or would take many times its bytes. */
function decode(type: Type, shape: Shape, bytes: Uint8Array): unknown {
  try {
    countParts(shape, protobuf.Reader.create(bytes), bytes.length, { objects: 0, numbers: 0 });
    return type.decode(bytes);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("field_invalid", `The message is no ${type.name}: ${messageOf(error)}.`, { cause: error });
  }
}

/** What the fields of a message hold, by their number: a message, or numbers of so many bytes each at least. */
type Shape = ReadonlyMap<number, Shape | number>;

function shapeOf(type: Type): Shape {
  return new Map(type.fieldsArray.flatMap((field) => partOf(field)));
}

function partOf(field: Field): [number, Shape | number][] {
  const { id, type, resolvedType } = field;
  const inner = resolvedType instanceof protobuf.Type ? shapeOf(resolvedType) : numberBytesOf(type);
  // An entry of a map is a message: its key and its value.
  if (field instanceof protobuf.MapField) return [[id, new Map(inner === null ? [] : [[2, inner]])]];
  return inner === null ? [] : [[id, inner]];
}

/** Null for what is no number. */
function numberBytesOf(type: string): number | null {
  const wire = (protobuf.types.basic as Readonly<Record<string, number>>)[type];
  if (wire === undefined || wire === LENGTH_DELIMITED) return null;
  return { [FIXED_32]: 4, [FIXED_64]: 8 }[wire] ?? 1;
}

/** Looks through a message on its wire (https://protobuf.dev/programming-guides/encoding/), before objects are made of it. */
function countParts(shape: Shape, reader: Reader, end: number, parts: { objects: number; numbers: number }): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    const part = shape.get(tag >>> 3);
    if ((tag & 7) !== LENGTH_DELIMITED) {
      parts.numbers += 1;
      reader.skipType(tag & 7);
    } else {
      const partEnd = reader.uint32() + reader.pos;
      if (partEnd > end) throw new Error("a part of it is longer than the whole");
      if (typeof part === "number") parts.numbers += (partEnd - reader.pos) / part;
      else parts.objects += 1;
      if (typeof part === "object") countParts(part, reader, partEnd, parts);
      reader.pos = partEnd;
    }
    if (parts.objects > OBJECTS_MAX || parts.numbers > NUMBERS_MAX) {
      const detail = `The message has more than ${OBJECTS_MAX} parts or ${NUMBERS_MAX} numbers; send tensors as raw bytes.`;
      throw new AppError("field_invalid", detail);
    }
  }
}
