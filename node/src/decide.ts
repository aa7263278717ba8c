/** What labelled photos decide of a graph's settings, for every door that takes a graph. */
import type { Classifier, ExamplePhoto, ModelChoice, ModelSettings, Models, Party } from "./ports.js";

/**
 * The settings with what the photos decide of all that they leave open. Rejects with `field_invalid` for a label that the
 * model has not.
 */
export async function decided(
  { models, classifier }: { readonly models: Models; readonly classifier: Classifier },
  party: Party,
  choice: ModelChoice,
  settings: ModelSettings,
  examples: readonly ExamplePhoto[],
): Promise<ModelSettings> {
  if (examples.length === 0) return settings;
  const decide = ({ target }: { target: Parameters<Classifier["decide"]>[0] }) => classifier.decide(target, examples);
  const { overrides, evidence, warnings } = await models.use(choice, settings, party, decide);
  return { ...settings, overrides: { ...settings.overrides, ...overrides }, decided: { evidence, warnings } };
}
