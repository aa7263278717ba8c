/** Where answers are remembered: whether that can be opened, or made. */
import type { Config } from "../config.js";
import { messageOf } from "../errors.js";
import { isFeedbackThere, probeFeedback } from "../service/feedback.js";
import { hindranceOf } from "./disk.js";
import { type Finding, green, red } from "./finding.js";

export async function checkFeedback(config: Config): Promise<Finding> {
  const { feedback, databaseUrl, feedbackDir } = config;
  if (feedback === "off") return green("feedback", "is off: nothing is remembered");
  if (databaseUrl === undefined) {
    const hindrance = await hindranceOf(feedbackDir, "FEEDBACK_DIR");
    if (hindrance !== null) return red("feedback", hindrance.found, hindrance.mend);
  }
  try {
    if (isFeedbackThere(config)) await probeFeedback(config);
  } catch (error) {
    const mend =
      databaseUrl === undefined ? "FEEDBACK_DIR=/another/folder npm start" : "env --unset=DATABASE_URL npm start";
    return red("feedback", messageOf(error), mend);
  }
  return green("feedback", `answers are remembered in ${databaseUrl === undefined ? feedbackDir : "DATABASE_URL"}`);
}
