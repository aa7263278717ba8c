/** Another server that runs tensors: whether it is there, and answers for the zoo's models. */
import type { Config } from "../config.js";
import { examineRemote } from "../service/workbench.js";
import { type Finding, green, red } from "./finding.js";

const OWN_ENGINE = "env --unset=ENGINE npm start";

/** Null where this machine runs graphs itself. */
export async function checkRemote(config: Config): Promise<Finding[] | null> {
  const report = await examineRemote(config);
  if (report === null) return null;
  const { runtime, problem, models } = report;
  if (problem !== null || runtime === null) return [red("remote", `ENGINE=${config.engine}: ${problem}`, OWN_ENGINE)];
  const broken = models.flatMap(({ id, problem: why }) =>
    why === null ? [] : [red("remote", `${id}: ${why}`, `env REMOTE_MODELS=${id}=NAME npm start`)],
  );
  if (broken.length > 0) return broken;
  const who = `${runtime.name} ${runtime.version}`.trim();
  return [green("remote", `${who} answers for ${models.length} of the zoo's models`)];
}
