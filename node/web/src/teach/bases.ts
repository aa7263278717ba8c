/** Models whose class layer can be replaced. */
import { computed } from "@preact/signals";
import type { ListedModel } from "../api.js";
import { models, usableModels } from "../state.js";
import { lesson } from "./album.js";

/** What nets that were trained on ImageNet tell apart, with or without a class for the background. */
const IMAGENET_CLASSES: ReadonlySet<number | null> = new Set([1000, 1001]);

function isImageNet({ classes }: ListedModel): boolean {
  return IMAGENET_CLASSES.has(classes);
}

/** Of those that can answer, the best to start from first: trained on ImageNet, MobileNets before others, by accuracy. */
export const bases = computed<readonly ListedModel[]>(() => {
  const rank = (model: ListedModel) =>
    (isImageNet(model) ? 4 : 0) +
    (isImageNet(model) && /mobilenet/i.test(model.id) ? 2 : 0) +
    (model.default ? 1 : 0) +
    (model.accuracy?.top1 ?? 0);
  return usableModels.value.toSorted((one, other) => rank(other) - rank(one));
});

/** The id of the chosen one, or of the best; null while there is none. */
export const chosenBase = computed<string | null>(() => {
  const { base } = lesson.value;
  const isThere = bases.value.some(({ id }) => id === base);
  return isThere ? base : (bases.value[0]?.id ?? null);
});

/** Whether one of them was trained on ImageNet. */
export const hasImageNet = computed(() => bases.value.some(isImageNet));

/** Good for most: small, and quick. */
export const GOOD_BASE = "mobilenet-v1-1.0-224";

/** Whether the service lists it, and has not fetched it. */
export const canFetchGoodBase = computed(
  () => models.value?.some(({ id, state }) => id === GOOD_BASE && state === "not fetched") ?? false,
);
