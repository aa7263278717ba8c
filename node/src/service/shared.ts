/** What replicas share: the store of registered models, and what they count. */
import { join } from "node:path";
import type { Logger } from "pino";
import type { Config } from "../config.js";
import { keepsConditions as keepsConditionsOf } from "../models/objects.js";
import { openS3Objects } from "../models/s3-objects.js";
import { openSharedBlobs, type SharedBlobs } from "../models/shared-blobs.js";
import type { PeerCounts } from "../ports.js";
import { openSharedCounts } from "../rates/shared-counts.js";

/** The store of registered models that replicas share; null where there is none. */
export async function openShared(
  { modelsStore, registeredModelsDir, registeredBytesMax }: Config,
  report: (error: unknown) => void,
): Promise<SharedBlobs | null> {
  if (modelsStore === undefined) return null;
  return await openSharedBlobs({
    objects: await openS3Objects(modelsStore),
    // Apart from what a service without MODELS_STORE keeps there.
    cacheDir: join(registeredModelsDir, "copies"),
    blobBytesMax: registeredBytesMax,
    report,
  });
}

/**
 * Whether the store of models that replicas share keeps the conditions of a write; it is left with one object more.
 * @throws AwayError
 */
export async function keepsConditions(modelsStore: string): Promise<boolean> {
  const objects = await openS3Objects(modelsStore);
  try {
    return await keepsConditionsOf(objects);
  } finally {
    objects.close();
  }
}

/** What replicas count together; null where each counts for itself, or nothing is counted. */
export function openPeerCounts(
  { databaseUrl, requestsPerWindowMax }: Pick<Config, "databaseUrl" | "requestsPerWindowMax">,
  logger: Logger,
): PeerCounts | null {
  if (databaseUrl === undefined || requestsPerWindowMax === 0) return null;
  return openSharedCounts({
    url: databaseUrl,
    report: (error) => {
      if (error === null) logger.info("rates are counted with other replicas again");
      else logger.warn({ err: error }, "rates are counted without other replicas now");
    },
  });
}
