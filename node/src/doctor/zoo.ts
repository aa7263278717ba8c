/** The models of the zoo, each as far as its files tell; `menagerie check` asks them too. */
import { stat } from "node:fs/promises";
import type { Config } from "../config.js";
import { type Listed, listZoo } from "../zoo/listing.js";
import { amber, type Finding, green, red } from "./finding.js";

/** One finding for each model that is damaged, and one for the zoo. */
export async function checkZoo({ modelsDir }: Pick<Config, "modelsDir">): Promise<Finding[]> {
  const isFolder = await stat(modelsDir).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return [red("zoo", `MODELS_DIR=${modelsDir} is no folder`, "env --unset=MODELS_DIR npm start")];
  const models = await listZoo(modelsDir);
  const broken = models.flatMap((model) => (model.problem === null ? [] : [brokenOf(model, model.problem)]));
  const counts = `${counted(models, "available")} whole, ${counted(models, "not fetched")} listed and not fetched`;
  if (broken.length > 0) return broken;
  if (!models.some((model) => model.default && model.state === "available")) {
    const [first] = models.filter(({ state }) => state === "available");
    const mend = first === undefined ? "npx menagerie pull mobilenet-v1-0.25-224" : `npx menagerie show ${first.id}`;
    return [amber("zoo", `${counts}; none that is whole is the default, so requests have to name a model`, mend)];
  }
  return [green("zoo", counts)];
}

function brokenOf({ id, state }: Listed, problem: string): Finding {
  const mend = `npx menagerie check ${id}`;
  return state === "failed" ? red("zoo", `${id}: ${problem}`, mend) : amber("zoo", `${id}: ${problem}`, mend);
}

function counted(models: readonly Listed[], state: string): number {
  return models.filter((model) => model.state === state).length;
}
