/** The Open Inference Protocol over gRPC: what REST answers too, in messages. */
import { VERSION } from "../../generated/contract.js";
import type { Readiness } from "../../ports.js";
import type { GrpcMethod } from "../grpc/method.js";

export interface InferenceDeps {
  readonly readiness: () => Readiness;
}

const SERVICE = "inference.GRPCInferenceService";

export function inferenceMethods({ readiness }: InferenceDeps): GrpcMethod[] {
  return [
    { path: `${SERVICE}/ServerLive`, access: "probe", answer: () => ({ live: readiness().live }) },
    { path: `${SERVICE}/ServerReady`, access: "probe", answer: () => ({ ready: readiness().ready }) },
    {
      path: `${SERVICE}/ServerMetadata`,
      access: "anyone",
      answer: () => ({ name: "menagerie", version: VERSION, extensions: [] }),
    },
  ];
}
