/**
 * What every call passes before its method, in order, as requests do in `front`: its name, whose it is, the rate, the
 * role, admission; then its message, which is counted as it comes.
 */
import type { Http2Session, ServerHttp2Stream } from "node:http2";
import type { Metadata, ServerInterceptingCallInterface, ServerInterceptor } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Admission } from "../../front/admission.js";
import type { CallerOf } from "../../front/caller.js";
import type { PaceLimits } from "../../front/keep-pace.js";
import type { Rates } from "../../front/limit-rate.js";
import type { TakeTurn } from "../../front/reading-turns.js";
import type { Observer, Role } from "../../ports.js";
import type { Access, Call } from "./method.js";
import { Passage } from "./passage.js";
import type { Waste, Watched } from "./waste.js";

/** A connection that is served. */
export interface Served {
  readonly remoteAddress: string | undefined;
  readonly watched: Watched;
  /** A call is at work on it, until the function is called. */
  begin(): () => void;
}

export interface GrpcLimits extends PaceLimits {
  readonly grpcMessageBytesMax: number;
}

export interface GateDeps {
  readonly admission: Admission;
  readonly callerOf: CallerOf;
  readonly rates: Rates;
  readonly anonymousRole: Role | "none";
  readonly limits: GrpcLimits;
  /** For large messages. */
  readonly takeTurn: TakeTurn;
  readonly waste: Waste;
  readonly logger: Logger;
  readonly observer: Observer;
  /** By the path of a method, with its slash in front. */
  accessOf(path: string): Access;
  connectionOf(stream: ServerHttp2Stream): Served;
}

export interface Gate {
  readonly intercept: ServerInterceptor;
  /** The call that has this metadata, once it was let in. */
  callOf(metadata: Metadata): Call;
  /** Ends the calls that work for nobody, such as those that watch. */
  endIdle(): void;
}

/** What the gates of all calls know together. */
export interface Shared {
  readonly letIn: WeakMap<Metadata, Call>;
  /** Calls that do not work. */
  readonly idle: Set<Passage>;
  /** How many of them each connection has. */
  readonly idleCounts: WeakMap<Http2Session, number>;
}

export function createGate(deps: GateDeps): Gate {
  const shared: Shared = {
    letIn: new WeakMap(),
    idle: new Set(),
    idleCounts: new WeakMap(),
  };
  return {
    intercept: (method, call: ServerInterceptingCallInterface) => new Passage(deps, shared, method, call).outer,
    callOf(metadata) {
      const call = shared.letIn.get(metadata);
      if (call === undefined) throw new Error("a call reached its method past the gate");
      return call;
    },
    endIdle() {
      for (const passage of shared.idle) passage.end();
    },
  };
}
