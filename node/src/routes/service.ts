/** What the service tells of itself: who asks may do what, and how much. */
import type { CallerOf } from "../front/caller.js";
import type { Route, Schema } from "../front/route.js";
import { VERSION } from "../generated/contract.js";
import type { Role } from "../ports.js";
import { COUNT, json, objectOf, ok, STRING } from "./schemas.js";

/** The limits that a client can keep to, by setting. */
export interface ToldLimits {
  readonly imageBytesMax: number;
  readonly imagePixelsMax: number;
  readonly imageSidePixelsMax: number;
  readonly imagesPerRequestMax: number;
  readonly imagesKeptMax: number;
  readonly imagesKeptBytesMax: number;
  readonly imageKeptMsMax: number;
  readonly modelsPerRequestMax: number;
  readonly graphBytesMax: number;
  readonly labelsBytesMax: number;
  readonly requestBytesMax: number;
  /** 0 is no limit. */
  readonly requestsPerWindowMax: number;
  readonly rateWindowMs: number;
  readonly queueWaitMsMax: number;
  readonly classifyMsMax: number;
  readonly registeredModelsMax: number;
  readonly registeredBytesMax: number;
  readonly teachJobsMax: number;
  readonly teachPhotosMax: number;
  readonly teachBytesMax: number;
  readonly teachMemoryBytesMax: number;
  readonly teachMinutesMax: number;
  readonly teachDaysMax: number;
}

export interface ServiceDeps {
  readonly callerOf: CallerOf;
  readonly anonymousRole: Role | "none";
  readonly hasKeys: boolean;
  readonly hasFeedback: boolean;
  readonly hasTeach: boolean;
  readonly limits: ToldLimits & { readonly imageUrlHosts: readonly string[]; readonly imagesDir?: string | undefined };
}

const TOLD = [
  "imageBytesMax",
  "imagePixelsMax",
  "imageSidePixelsMax",
  "imagesPerRequestMax",
  "imagesKeptMax",
  "imagesKeptBytesMax",
  "imageKeptMsMax",
  "modelsPerRequestMax",
  "graphBytesMax",
  "labelsBytesMax",
  "requestBytesMax",
  "requestsPerWindowMax",
  "rateWindowMs",
  "queueWaitMsMax",
  "classifyMsMax",
  "registeredModelsMax",
  "registeredBytesMax",
  "teachJobsMax",
  "teachPhotosMax",
  "teachBytesMax",
  "teachMemoryBytesMax",
  "teachMinutesMax",
  "teachDaysMax",
] as const satisfies readonly (keyof ToldLimits)[];

/** What `GET /api/service` answers. */
export const SERVICE_FACTS: Schema = objectOf({
  version: STRING,
  role: { enum: ["none", "infer", "models", "admin"] },
  keys: { type: "boolean" },
  image_url: { type: "boolean" },
  image_path: { type: "boolean" },
  feedback: { type: "boolean" },
  teach: { type: "boolean" },
  limits: objectOf(Object.fromEntries(TOLD.map((setting) => [snakeCase(setting), COUNT]))),
});

export function serviceRoutes({
  callerOf,
  anonymousRole,
  hasKeys,
  hasFeedback,
  hasTeach,
  limits,
}: ServiceDeps): Route[] {
  const told = Object.fromEntries(TOLD.map((setting) => [snakeCase(setting), limits[setting]]));
  return [
    {
      method: "get",
      path: "/api/service",
      access: "anyone",
      summary: "What this service is, what whoever asks may do, and its limits.",
      answers: ok("It is told.", json(SERVICE_FACTS)),
      problems: [],
      handle: (request, response) => {
        const { holder } = callerOf(request);
        response.json({
          version: VERSION,
          role: holder === null ? "none" : (holder?.role ?? anonymousRole),
          keys: hasKeys,
          image_url: limits.imageUrlHosts.length > 0,
          image_path: limits.imagesDir !== undefined,
          feedback: hasFeedback,
          teach: hasTeach,
          limits: told,
        });
      },
    },
  ];
}

/** `imageBytesMax` as `image_bytes_max`. */
function snakeCase(setting: string): string {
  return setting.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
