/** A store of answers in a folder of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFeedback } from "../../src/feedback/feedback.js";
import type { Feedback } from "../../src/ports.js";
import { FEEDBACK_THREAD_FILE } from "./paths.js";

export interface FeedbackInFolder {
  readonly feedback: Feedback;
  /** Once the service that it was given to is closed. */
  remove(): Promise<void>;
}

export async function openFeedback(): Promise<FeedbackInFolder> {
  const dir = await mkdtemp(join(tmpdir(), "menagerie-feedback-"));
  const feedback = createFeedback({
    place: { url: null, dir },
    keep: { ageMsMax: 1e12, answersMax: 1e6, imagesBytesMax: 1e9 },
    keepImages: false,
    waitingMax: 1000,
    waitingImagesBytesMax: 0,
    report: () => {},
    threadFile: FEEDBACK_THREAD_FILE,
  });
  return { feedback, remove: () => rm(dir, { recursive: true }) };
}
