import type { Logger } from "pino";
import type { Config } from "../config.js";
import { AppError, messageOf } from "../errors.js";
import { isThere, openDatabase, type Place, probeDatabase, refuseLaterStore } from "../feedback/database.js";
import { createFeedback } from "../feedback/feedback.js";
import { FeedbackStore } from "../feedback/store.js";
import type { Feedback } from "../ports.js";

const DAY_MS = 86_400_000;

/** The store of answers and of what was right; null where the settings turn it off. */
export function openFeedback(config: Config, logger: Logger): Feedback | null {
  if (config.feedback === "off") return null;
  return createFeedback({
    place: placeOfFeedback(config),
    keep: {
      ageMsMax: DAY_MS * config.feedbackDaysMax,
      answersMax: config.feedbackAnswersMax,
      imagesBytesMax: config.keptImagesBytesMax,
    },
    keepImages: config.keepImages === "1",
    waitingMax: config.feedbackWaitingMax,
    waitingImagesBytesMax: config.keptImagesWaitingBytesMax,
    report: (problem, reason) => {
      if (problem === null) logger.info("answers are remembered again");
      else logger.warn({ problem, reason }, "answers cannot be remembered now");
    },
  });
}

/**
 * The same store for the command, also while a service uses it.
 * @throws AppError `not_found` where nothing was ever remembered.
 */
export async function openFeedbackStore(config: Config): Promise<Pick<FeedbackStore, "exported" | "image" | "close">> {
  if (!isFeedbackThere(config))
    throw new AppError(
      "not_found",
      `FEEDBACK_DIR=${config.feedbackDir} holds no store: nothing was remembered there yet.`,
    );
  return new FeedbackStore(await useOfFeedback(config, openDatabase));
}

/** Whether there is a store; one that is not is made at the start. */
export function isFeedbackThere(config: Config): boolean {
  return isThere(placeOfFeedback(config));
}

/** Rejects where a later version made the store. */
export async function refuseLaterFeedback(config: Config): Promise<void> {
  if (config.feedback === "on") await useOfFeedback(config, refuseLaterStore);
}

/** Rejects where the store, which is there, cannot be used. */
export function probeFeedback(config: Config): Promise<void> {
  return useOfFeedback(config, probeDatabase);
}

async function useOfFeedback<T>(config: Config, use: (place: Place) => Promise<T>): Promise<T> {
  const place = placeOfFeedback(config);
  try {
    return await use(place);
  } catch (error) {
    const where = place.url === null ? `FEEDBACK_DIR=${place.dir}` : "DATABASE_URL";
    throw new Error(`The store of ${where} cannot be used: ${messageOf(error)}`, { cause: error });
  }
}

function placeOfFeedback({ databaseUrl, feedbackDir }: Config): Place {
  return { url: databaseUrl ?? null, dir: feedbackDir };
}
