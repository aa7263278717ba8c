/**
 * `menagerie/client`: a running service called from a program, in browsers and in Node alike. Options are the fields of
 * the HTTP API by their names, and answers its JSON as it is.
 */
import type {
  AnsweredItem,
  ClassifyFields,
  DescribedModel,
  ExplainedItem,
  ExplainFields,
  InferAnswer,
  InferFields,
  InspectFields,
  KeptImage,
  LabelledAnswer,
  ModelSummary,
  Readiness,
  ServiceFacts,
} from "../generated/api.js";
import type { ModelSpec } from "../generated/contract.js";
import { type CallOptions, type ClientOptions, openCall, TIMEOUT_MS } from "./call.js";
import { MenagerieError } from "./error.js";
import { type Bytes, formOf, type Image } from "./form.js";
import { openTeach, type Teach } from "./teach.js";

export type * from "../generated/api.js";
export type { Answer, Band, ErrorCode, Explanation, ModelSpec, TopEntry } from "../generated/contract.js";
export type { CallOptions, ClientOptions } from "./call.js";
export { type ClientErrorCode, MenagerieError } from "./error.js";
export type { Bytes, Image, ImageSource } from "./form.js";
export type { PutPhotoOptions, TaughtFile, Teach } from "./teach.js";

/** A graph of one's own in place of a model of the service. Without labels its classes are numbered. */
export interface OwnGraph {
  readonly model_file?: Bytes;
  /** A string is the file's text. */
  readonly label_file?: Bytes | string;
}

export interface ClassifyOptions extends CallOptions, OwnGraph, ClassifyFields {
  /** Id of a model, or `id@version`; the service's default. */
  readonly model?: string;
}

export interface InferOptions extends CallOptions, OwnGraph, InferFields {
  /** Id of a model, or `id@version`, or several of them; the service's default. */
  readonly model?: string | readonly string[];
}

export interface ExplainOptions extends CallOptions, OwnGraph, ExplainFields {
  /** As for `classify`. */
  readonly model?: string;
}

export interface FeedbackOptions extends CallOptions {
  /** Place of the answer in the `results` of its request; 0. */
  readonly index?: number;
}

export interface InspectOptions extends CallOptions, InspectFields {}

/** Whatever goes with a form. */
type Sent = InferOptions & Omit<ExplainOptions, "model">;

/** The answer of one image and one model. */
export type Classified = AnsweredItem & { request_id: string };

/** A running service. Every call rejects with a {@link MenagerieError}, or with the reason of its signal. */
export interface Client {
  /** Teaches models. */
  readonly teach: Teach;
  /** Classifies one image with one model. */
  classify(image: Image, options?: ClassifyOptions): Promise<Classified>;
  /**
   * Classifies each image with each model in one request. `results` has them in this order, images outermost; one that
   * failed alone carries `error`.
   */
  infer(images: readonly Image[], options?: InferOptions): Promise<InferAnswer>;
  /** What the answer for one image and one model hangs on, as a map of the photo. */
  explain(image: Image, options?: ExplainOptions): Promise<ExplainedItem>;
  /**
   * Keeps an image at the service for a while, for this client's key alone, or its address. `{ image_id: id }` is then the
   * image in other calls, decoded already.
   */
  keep(image: Image, options?: CallOptions): Promise<KeptImage>;
  /**
   * Says what an answer of this client's really was, by the `request_id` that came with it. What was said of it before is
   * gone.
   */
  feedback(requestId: string, label: string, options?: FeedbackOptions): Promise<LabelledAnswer>;
  /** The models of the service. */
  models(options?: CallOptions): Promise<readonly ModelSummary[]>;
  /** How a model is fed and read, by its id or `id@version`. It is loaded where needed. */
  model(id: string, options?: CallOptions): Promise<DescribedModel>;
  /** How a graph would be fed and read. It is not registered. */
  inspect(graph: Bytes, labels?: Bytes | string, options?: InspectOptions): Promise<ModelSpec>;
  /** What the service is, what this client may do there, and its limits. */
  service(options?: CallOptions): Promise<ServiceFacts>;
  /** Whether requests are served, and by what; also where they are not. */
  ready(options?: CallOptions): Promise<Readiness>;
}

/** `url` is the service's, such as `http://localhost:8080`. @throws TypeError for what is no address. */
export function createClient(url: string | URL, options: ClientOptions = {}): Client {
  const call = openCall(url, options);

  function send<T>(path: string, images: readonly Image[], options: Sent): Promise<T> {
    const { signal, timeoutMs, deadline_ms, fallback, ...fields } = options;
    // In the query string they hold while the form still comes.
    return call(path, options, { query: { deadline_ms, fallback }, form: formOf(images, fields) });
  }

  return {
    teach: openTeach(call, options.timeoutMs ?? TIMEOUT_MS),
    async classify(image, options = {}) {
      const { request_id, results } = await send<InferAnswer>("infer", [image], options);
      const [item] = results;
      if (item === undefined) throw new MenagerieError("unexpected", "The service answered without a result.");
      if ("error" in item) throw new MenagerieError(item.error.code, item.error.detail, { requestId: request_id });
      return { request_id, ...item };
    },
    infer: (images, options = {}) => send("infer", images, options),
    explain: (image, options = {}) => send("api/explain", [image], options),
    keep: (image, options = {}) =>
      call("api/images", options, { form: formOf([image], {}), statuses: [201], changes: true }),
    feedback: (requestId, label, { index = 0, ...options } = {}) =>
      call("api/feedback", options, { message: { request_id: requestId, index, label } }),
    models: async (options = {}) => (await call<{ models: ModelSummary[] }>("api/models", options)).models,
    model: (id, options = {}) => call(`api/models/${encodeURIComponent(id)}`, options),
    inspect: (graph, labels, options = {}) =>
      send("api/models/inspect", [], {
        ...options,
        model_file: graph,
        ...(labels !== undefined && { label_file: labels }),
      }),
    service: (options = {}) => call("api/service", options),
    ready: (options = {}) => call("readyz", options, { statuses: [200, 503] }),
  };
}
