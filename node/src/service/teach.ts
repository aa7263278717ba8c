import { join } from "node:path";
import type { Logger } from "pino";
import type { Config } from "../config.js";
import { spawnChild } from "../engines/child.js";
import { loadNativeStart } from "../engines/native-child.js";
import { folderBlobs } from "../models/folder-blobs.js";
import type { Feedback } from "../ports.js";
import { openTeachJobs } from "../teach/jobs.js";
import type { TeachJobs } from "../teach-jobs.js";
import { findModel } from "../zoo/find-models.js";
import { LICENCE_FILE } from "../zoo/judge.js";
import type { Service } from "./service.js";

/** Jobs of teaching, of which those that were at work go on; null where the settings turn it off. */
export async function openTeach(
  config: Config,
  { zoo }: Service,
  feedback: Feedback | null,
  logger: Logger,
): Promise<TeachJobs | null> {
  if (config.teach === "off") return null;
  // A run that takes no photos of feedback has no business with its store, whose password that is.
  const { databaseUrl: _, ...settings } = config;
  return await openTeachJobs({
    dir: config.teachDir,
    limits: config,
    zoo,
    async licenceOf(id, version) {
      const place = await findModel(config.modelsDir, `${id}@${version}`).catch(() => null);
      return place === null ? null : await folderBlobs(join(config.modelsDir, place.entry)).get(LICENCE_FILE);
    },
    program: {
      file: new URL("../teach-process.js", import.meta.url),
      ...{ settings, settingsWithFeedback: config },
      start: await loadNativeStart().catch(() => spawnChild),
    },
    settleFeedback: async () => await feedback?.settle(),
    log: (facts, message) => logger.info(facts, message),
    report: (reason) => {
      if (reason === null) logger.info("jobs of teaching are taken now");
      else logger.warn({ reason }, "no jobs of teaching are taken");
    },
  });
}
