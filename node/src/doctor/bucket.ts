/** The bucket that replicas share: whether it is there, and lets no change overwrite another. */
import type { Config } from "../config.js";
import { messageOf } from "../errors.js";
import { keepsConditions } from "../service/shared.js";
import { type Finding, green, red } from "./finding.js";

const ALONE = "env --unset=MODELS_STORE npm start";

export async function checkBucket({ modelsStore }: Pick<Config, "modelsStore">): Promise<Finding[]> {
  if (modelsStore === undefined) return [];
  const said = (found: string) => red("bucket", `MODELS_STORE=${modelsStore}: ${found}`, ALONE);
  try {
    if (await keepsConditions(modelsStore)) return [green("bucket", `${modelsStore} keeps conditions of writes`)];
    return [said("it replaces objects against If-Match and If-None-Match, so that replicas would lose models")];
  } catch (error) {
    return [said(messageOf(error))];
  }
}
