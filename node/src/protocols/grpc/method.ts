/** A method of a gRPC service as data, as `front/route.ts` has routes: what the door serves and its gate reads. */
import type { ServerInterceptingCallInterface } from "@grpc/grpc-js";
import { AppError } from "../../errors.js";
import type { Role, Visit } from "../../ports.js";

export type CallStatus = Parameters<ServerInterceptingCallInterface["sendStatus"]>[0];

/** An int64 as protobufjs decodes it. */
export interface Long {
  toNumber(): number;
  toString(): string;
}

/** A call that was let in. */
export interface Call {
  /** Null for a method that does not work. */
  readonly visit: Visit | null;
  /** Says why it is refused, for the line of the log. */
  note(problem: AppError): void;
}

export interface Access {
  /** The role that it takes. `anyone` takes no key; `probe` is answered before anything is asked of a call. */
  readonly access: Role | "anyone" | "probe";
  /** Whether it works for the call: then the call is admitted first. */
  readonly works?: boolean;
}

export interface GrpcMethod extends Access {
  /** Such as `inference.GRPCInferenceService/ServerLive`. */
  readonly path: string;
  /** The request as protobufjs decodes it, the answer as it encodes it. Rejects with an `AppError`. */
  readonly answer: (request: unknown, call: Call) => object | Promise<object>;
}

/** The visit of a method that works. */
export function visitOf({ visit }: Call): Visit {
  if (visit === null) throw new Error("a method without `works` has no visit");
  return visit;
}

/** Names are quoted in errors. */
const NAME_CHARACTERS_MAX = 1000;

/** @throws AppError `field_invalid` for a name as long as nobody's is. */
export function checkName(field: string, text: string): string {
  if (text.length <= NAME_CHARACTERS_MAX) return text;
  const detail = `${field} has ${text.length} characters; at most ${NAME_CHARACTERS_MAX} are taken.`;
  throw new AppError("field_invalid", detail);
}
