/** Everything that the service stands on, looked at without starting it. */
import { type Config, readConfig } from "../config.js";
import { messageOf } from "../errors.js";
import { SET_UP } from "../places.js";
import { checkBucket } from "./bucket.js";
import { checkDisk, checkPage } from "./disk.js";
import { checkEngine } from "./engine.js";
import { checkFeedback } from "./feedback.js";
import { type Finding, green, red } from "./finding.js";
import { checkKeys } from "./keys.js";
import { checkPorts } from "./port.js";
import { checkProcessor } from "./processor.js";
import { checkRemote } from "./remote.js";
import { checkZoo } from "./zoo.js";

/** In this order, each as soon as it and those before it are known. Without settings that can be read that is all. */
export async function* examine(): AsyncGenerator<Finding> {
  let config: Config;
  try {
    config = readConfig();
  } catch (error) {
    const [variable] = /\b[A-Z][A-Z_]+(?==)/.exec(messageOf(error)) ?? [];
    yield red("settings", messageOf(error), `env --unset=${variable ?? "PORT"} npm start`);
    return;
  }
  yield green("settings", "can be used");
  const checks = [
    checkProcessor(),
    checkRuns(config),
    checkPorts(config),
    checkDisk(config),
    checkBucket(config),
    checkFeedback(config),
    checkZoo(config),
    checkKeys(config),
    checkPage(config),
  ];
  // What fails here is told where it is awaited.
  for (const check of checks) check.catch(() => {});
  for (const check of checks) yield* await foundBy(check);
}

/** What runs graphs, here or elsewhere. */
async function checkRuns(config: Config): Promise<Finding[]> {
  return (await checkRemote(config)) ?? (await checkEngine(config));
}

async function foundBy(check: Promise<Finding | Finding[]>): Promise<Finding[]> {
  try {
    return [await check].flat();
  } catch (error) {
    return [red("doctor", `a check failed itself: ${messageOf(error)}`, SET_UP)];
  }
}
