/**
 * Why an answer was given, to every door: one image, one model, one map. It costs as much as dozens of classifications, so
 * it waits for its permit among the work of clients' graphs, and its exchanges take their turns one by one.
 */
import {
  type AnsweredItem,
  type ClassifyDeps,
  checkPictures,
  codeOf,
  nameOf,
  readImage,
  toldOf,
  warned,
} from "./classify.js";
import type { Explanation } from "./generated/contract.js";
import type {
  ClassifyOptions,
  ExplainQuestion,
  ImageSource,
  ModelChoice,
  ModelSettings,
  Stages,
  Visit,
} from "./ports.js";

export interface WhyQuestion {
  readonly image: ImageSource;
  readonly choice: ModelChoice;
  readonly settings: ModelSettings;
  readonly options: ClassifyOptions;
  readonly why: ExplainQuestion;
}

/** An answer with what it hangs on. */
export type ExplainedItem = AnsweredItem & { readonly explanation: Explanation };

export type Explain = (visit: Visit, question: WhyQuestion) => Promise<ExplainedItem>;

/** The picture of what the model saw, and the map's, which may be enlarged to this side. */
const PICTURES = 2;
const PICTURE_SIDE_PIXELS_MIN = 896;

export function createExplain(deps: ClassifyDeps): Explain {
  return (visit, { image, choice, settings, options, why }) =>
    visit.run(async () => {
      const content = readImage(deps, visit, image);
      // What fails here is told where it is awaited, and it may fail before that.
      content.catch(() => {});
      const tell = toldOf(deps, visit, choice);
      try {
        return await deps.models.use(choice, settings, visit, async ({ identity, target }) => {
          if (options.picture) checkPictures(target, PICTURES, deps.answerBytesMax, PICTURE_SIDE_PIXELS_MIN);
          const told = (stages: Stages) => tell({ code: "ok", modelId: identity.id, stages });
          const { answer, explanation } = await deps.classifier.explain(target, await content, options, why, told);
          return { ...warned(nameOf(image, await content), identity, answer, target), explanation };
        });
      } catch (error) {
        tell({ code: codeOf(error) });
        throw error;
      }
    }, "many");
}
