/**
 * What every door calls: the images of one visit, with each of its models. Admission, shares and deadlines are the
 * visit's; decoding, models and engines are behind the ports.
 */
import { decided } from "./decide.js";
import { AppError } from "./errors.js";
import type { Answer, ClientTensor, ErrorCode } from "./generated/contract.js";
import type {
  Classifier,
  ClassifyOptions,
  ClassifyTarget,
  ExamplePhoto,
  Feedback,
  FetchImage,
  GivenImage,
  ImageSource,
  ImageStore,
  KeptImage,
  ModelChoice,
  ModelIdentity,
  ModelSettings,
  Models,
  OpenModel,
  Outcome,
  ReadImagePath,
  Recollection,
  ScoredAnswer,
  Stages,
  TensorSource,
  Visit,
  WorkKind,
} from "./ports.js";
import { shareImage } from "./share-image.js";

export interface Question {
  /** Images, or tensors in their place, each one's own. */
  readonly images: readonly (ImageSource | TensorSource)[];
  readonly choices: readonly ModelChoice[];
  readonly settings: ModelSettings;
  /** Photos that decide what the settings leave open, of one graph that came with the request. */
  readonly examples?: readonly ExamplePhoto[];
  readonly options: ClassifyOptions;
  /** Called with each model before its images are classified; throws what is wrong with asking it this. */
  readonly check?: (model: OpenModel) => void;
}

/** An image with its answer. */
export type AnsweredItem = Omit<Answer, "image"> & {
  readonly image: Answer["image"] & { readonly name: string };
  readonly model: ModelIdentity;
  /** What the caller should know of the model's settings; absent where there is nothing. */
  readonly warnings?: readonly string[];
  /** What the graph gave, where that was asked for. */
  readonly scores?: Float32Array;
};

/** An image that failed among others. */
export interface FailedItem {
  readonly image: { readonly name: string };
  readonly model: { readonly id: string };
  readonly error: AppError;
}

export type Item = AnsweredItem | FailedItem;

/**
 * Every image with every model, images outermost. An item that failed alone is in its place; rejects with the first
 * problem when not a single one succeeded.
 */
export type Classify = (visit: Visit, question: Question) => Promise<Item[]>;

/** Where images come from that did not come with their request. */
export interface ImageSources {
  readonly fetchImage: FetchImage;
  readonly readImagePath: ReadImagePath;
  readonly imageStore: ImageStore;
  readonly imageBytesMax: number;
}

export interface ClassifyDeps extends ImageSources {
  readonly models: Models;
  readonly classifier: Classifier;
  /** Bytes of one answer, of which pictures take most. */
  readonly answerBytesMax: number;
  /** Remembers the answers; null where nothing is remembered. */
  readonly feedback: Feedback | null;
}

/** Items of one visit that are worked on at once: enough for every thread, and few frames in memory. */
const ITEMS_AT_ONCE_MAX = 16;
/** A picture is a PNG of RGB bytes at worst, in base64. */
const PICTURE_BYTES_PER_PIXEL = 4;

export function createClassify(deps: ClassifyDeps): Classify {
  return async (visit, question) => {
    const memory = deps.feedback?.begin(visit, question) ?? null;
    try {
      const items = await visit.run(() => classifyAll(deps, visit, question, memory), kindOf(deps, question));
      const imagePlaceOf = (item: number) => Math.floor(item / question.choices.length);
      memory?.end(items.map((item, place) => ("error" in item ? null : { ...item, imagePlace: imagePlaceOf(place) })));
      return items;
    } catch (error) {
      memory?.end([]);
      throw error;
    }
  };
}

function kindOf({ models }: ClassifyDeps, { images, choices }: Question): WorkKind {
  if (choices.some((choice) => models.isStrangers(choice))) return "strangers";
  return images.length * choices.length > 1 ? "many" : "one";
}

async function classifyAll(
  deps: ClassifyDeps,
  visit: Visit,
  question: Question,
  memory: Recollection | null,
): Promise<Item[]> {
  const { images, choices, settings, examples = [], options, check } = question;
  const contents = images.map(async (image, place) => {
    const content = await readImage(deps, visit, image);
    if (!("tensor" in image)) await memory?.image(place, content instanceof Uint8Array ? content : content.bytes);
    return content;
  });
  // What fails here is told where it is awaited, and it may fail before that.
  for (const content of contents) content.catch(() => {});
  const givens =
    choices.length === 1 ? contents : contents.map(async (content) => shareImage(await content, choices.length));
  for (const given of givens) given.catch(() => {});
  const inTurn = limitAtOnce(ITEMS_AT_ONCE_MAX);
  const columns = await Promise.all(
    choices.map(async (choice) => {
      const tell = toldOf(deps, visit, choice);
      const failed = (image: Question["images"][number], error: unknown): FailedItem => {
        tell({ code: codeOf(error) });
        if (!(error instanceof AppError)) throw error;
        return { image: { name: nameOf(image) }, model: { id: idOf(choice) }, error };
      };
      try {
        const all = await decided(deps, visit, choice, settings, examples);
        return await deps.models.use(choice, all, visit, (model) => {
          check?.(model);
          if (options.picture) checkPictures(model.target, images.length * choices.length, deps.answerBytesMax);
          return Promise.all(
            images.map((image, imageIndex) =>
              inTurn(async (): Promise<Item> => {
                try {
                  const given = await givens[imageIndex];
                  if (given === undefined) throw new Error("each image is read");
                  const asked = "tensor" in image ? { ...options, tensor: image.tensor } : options;
                  const told = (stages: Stages) => tell({ code: "ok", modelId: model.identity.id, stages });
                  return await classifyOne(deps.classifier, model, nameOf(image, given), given, asked, told);
                } catch (error) {
                  return failed(image, error);
                }
              }),
            ),
          );
        });
      } catch (error) {
        return images.map((image) => failed(image, error));
      }
    }),
  );
  const items = images.flatMap((_image, index) => columns.flatMap((column) => column[index] ?? []));
  const [first] = items;
  if (first !== undefined && "error" in first && items.every((item) => "error" in item)) throw first.error;
  return items;
}

/** The bytes of an image, fetched or read where it did not come with its request; or the image that is kept. */
export async function readImage(
  deps: ImageSources,
  visit: Visit,
  image: ImageSource | TensorSource,
): Promise<Uint8Array | KeptImage> {
  if ("bytes" in image) {
    if ("tensor" in image || image.bytes.length <= deps.imageBytesMax) return image.bytes;
    throw new AppError("upload_too_large", `The image is larger than ${deps.imageBytesMax} bytes.`);
  }
  if ("id" in image) return deps.imageStore.find(visit.caller, image.id);
  const release = visit.hold(deps.imageBytesMax);
  try {
    const bytes = await ("url" in image
      ? deps.fetchImage(image.url, { headers: visit.watch?.traceHeaders, signal: visit.signal })
      : deps.readImagePath(image.path));
    visit.charge(bytes.length);
    return bytes;
  } finally {
    release();
  }
}

async function classifyOne(
  classifier: Classifier,
  { identity, target }: OpenModel,
  name: string,
  image: GivenImage,
  options: ClassifyOptions,
  told: (stages: Stages) => void,
): Promise<AnsweredItem> {
  if (options.tensor !== undefined) checkTensor(target, options.tensor);
  return warned(name, identity, await classifier.classify(target, image, options, told), target);
}

/** @throws AppError `field_invalid` where the model's engine takes pixels alone. */
function checkTensor({ tensors, spec }: ClassifyTarget, { dtype }: ClientTensor): void {
  if (dtype === "uint8" || tensors) return;
  const { height, width, channels } = spec.input;
  const detail = `What serves this model takes no float32 tensors; send uint8 pixels of ${height} x ${width} x ${channels}, or the image.`;
  throw new AppError("field_invalid", detail);
}

/** Tells whoever watches the visit what came of an image with this model. */
export function toldOf(
  { models }: ClassifyDeps,
  { watch }: Visit,
  choice: ModelChoice,
): (outcome: Partial<Outcome> & Pick<Outcome, "code">) => void {
  if (watch === undefined) return () => {};
  const model = models.groupOf(choice);
  return (outcome) => watch.answered({ model, modelId: null, stages: null, ...outcome });
}

export function codeOf(error: unknown): ErrorCode {
  return error instanceof AppError ? error.code : "internal";
}

/** An answer as clients get it: whose it is, and what is unsure of its model. */
export function warned(
  name: string,
  model: ModelIdentity,
  { image, ...answer }: ScoredAnswer,
  { spec: { warnings } }: ClassifyTarget,
): AnsweredItem {
  return { image: { name, ...image }, model, ...answer, ...(warnings.length === 0 ? {} : { warnings }) };
}

/**
 * `sidePixelsMin` is what smaller pictures are enlarged to.
 * @throws AppError `field_invalid` where the pictures could make the answer too large.
 */
export function checkPictures(target: ClassifyTarget, count: number, bytesMax: number, sidePixelsMin = 1): void {
  const [width, height] = [target.spec.input.width, target.spec.input.height].map((side) =>
    Math.max(side, sidePixelsMin),
  ) as [number, number];
  const bytes = count * width * height * PICTURE_BYTES_PER_PIXEL;
  if (bytes <= bytesMax) return;
  const detail = `picture=1: ${count} pictures of ${width}x${height} may make an answer of ${bytes} bytes; at most ${bytesMax} are sent. Ask for fewer at once.`;
  throw new AppError("field_invalid", detail);
}

/** How answers name an image; one that is kept has the name that it came with. */
export function nameOf(image: ImageSource | TensorSource, content?: GivenImage): string {
  if ("bytes" in image) return image.name;
  if ("url" in image) return image.url;
  if ("path" in image) return image.path;
  return content !== undefined && "name" in content ? content.name : image.id;
}

/** What the request called the model, for an item that failed before the model was known. */
function idOf(choice: ModelChoice): string {
  return choice.kind === "zoo" ? (choice.id ?? "default") : "uploaded";
}

/** Calls at most `countMax` at once, the others in their order. */
function limitAtOnce(countMax: number): <T>(call: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (call) => {
    if (running >= countMax) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await call();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
