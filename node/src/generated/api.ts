// Generated from the schemas of node/src/routes by `npm run generate`. Do not edit.
import type {
  Accuracy,
  Agreement,
  Answer,
  Band,
  Calibration,
  Confidence,
  ErrorCode,
  Evidence,
  Explanation,
  Finding,
  ModelSpec,
  Runtime,
  Sandbox,
  TeachReport,
} from "./contract.js";

/**
 * What a model is taught of, and how.
 */
export interface NewTeachJob {
  /**
   * The model whose class layer is replaced: id or id@version.
   */
  base: string;
  /**
   * A model that answers the photos that are set aside too, id or id@version, so that both are compared.
   */
  compare?: string;
  /**
   * What the new model is called; `taught` when absent.
   */
  id?: string;
  /**
   * Its name for people; the id when absent.
   */
  title?: string;
  /**
   * What it tells apart; its labels when absent.
   */
  description?: string;
  /**
   * What the photos are called; `photos` when absent.
   */
  data?: string;
  /**
   * Whether mirror images are trained on too: not for letters, and whatever has a left and a right.
   */
  mirror?: boolean;
  /**
   * Whether sample photos of other models of the zoo are a class `other`; one's own may be put under that label.
   */
  other?: boolean;
  /**
   * Whether photos of the base's answers that are kept, and of which somebody said what they show, are taught too. They are other clients', and some of them come with the model: this needs the role admin.
   */
  from_feedback?: boolean;
  /**
   * Another one sets other photos aside.
   */
  seed?: number;
}
/**
 * What a taught model is registered as.
 */
export interface NewTaughtModel {
  /**
   * What the model is called; the job's when absent.
   */
  id?: string;
  /**
   * 1 when absent.
   */
  version?: string;
  /**
   * Its name for people; the job's when absent.
   */
  title?: string;
  /**
   * What it tells apart; the job's when absent.
   */
  description?: string;
}
/**
 * A photo of a job.
 */
export interface TeachPhoto {
  sha256: string;
  label: string;
  name: string;
  bytes: number;
}
/**
 * What a new and an old model answered for photos that the new one was not trained on.
 */
export interface Comparison {
  /**
   * The old model, as id@version.
   */
  old: string;
  /**
   * Of classes that both know, by the names of their labels.
   */
  photos: number;
  /**
   * Of these the ones that both are right for.
   */
  both: number;
  /**
   * That the new one alone is right for.
   */
  only_new: number;
  /**
   * That the old one alone is right for.
   */
  only_old: number;
  neither: number;
  /**
   * How likely so large a difference is by chance alone where both are as good.
   */
  p: number;
  /**
   * Labels that the old one has not, and how many photos have them.
   */
  unknown: {
    label: string;
    photos: number;
  }[];
  /**
   * The same in words.
   */
  words: string;
}
/**
 * What came of teaching.
 */
export interface TaughtModel {
  labels: string[];
  /**
   * Of `model.zip`.
   */
  bytes: number;
  report: TeachReport;
  calibration: Calibration;
  features: {
    tensor: string;
    size: number;
    evidence: Evidence[];
  };
  /**
   * Photos that were set aside and are answered wrong, the surest answer first.
   */
  wrong: {
    sha256: string;
    name: string;
    label: string;
    answered: string;
    probability: number;
  }[];
  /**
   * What `menagerie check` says of it.
   */
  findings: Finding[];
  /**
   * Of the class `other`, where there is one: photos that were set aside, and those that were known.
   */
  other?: {
    n: number;
    right: number;
  };
  /**
   * With the model that it was to be compared with.
   */
  comparison?: Comparison;
  /**
   * Fields of its manifest that its graph alone does not tell.
   */
  untold: string[];
}
/**
 * A model that is taught, with its photos.
 */
export interface TeachJob {
  id: string;
  state: "collecting" | "waiting" | "running" | "interrupted" | "done" | "failed" | "cancelled";
  model: {
    id: string;
    title?: string;
    description?: string;
  };
  /**
   * As id@version.
   */
  base: string;
  /**
   * What it is compared with, as id@version.
   */
  compare?: string;
  data: string;
  mirror: boolean;
  other: boolean;
  from_feedback: boolean;
  seed: number;
  created: string;
  changed: string;
  photos: number;
  /**
   * Of its photos, their list, what is known of it, and what its runs left.
   */
  bytes: number;
  /**
   * By label.
   */
  classes: {
    label: string;
    photos: number;
  }[];
  /**
   * While it waits: so many jobs at most run before it.
   */
  ahead?: number;
  /**
   * While it runs.
   */
  stage?: "photos" | "features" | "training" | "measuring";
  /**
   * Of that stage.
   */
  share?: number;
  /**
   * What the run has to say, a sentence each.
   */
  remarks: string[];
  /**
   * Why it failed.
   */
  problem?: {
    code: ErrorCode;
    detail: string;
  };
  result?: TaughtModel;
}
/**
 * RFC 9457 problem details; error is the same as detail.
 */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  request_id: string;
  error: string;
}
export interface ModelIdentity {
  id: string;
  version: string;
  sha256: string;
  runtime?: ModelRuntime;
}
/**
 * What ran the model; with RUNTIME=auto, why it was this one where that is not the rule.
 */
export interface ModelRuntime {
  name: string;
  version: string;
  reason?: string;
}
export type AnsweredItem = Answer & {
  image: {
    name: string;
  };
  model: ModelIdentity;
  warnings?: string[];
};
export type ExplainedItem = AnsweredItem & {
  request_id: string;
  explanation: Explanation;
};
export interface FailedItem {
  image: {
    name: string;
  };
  model: {
    id: string;
  };
  error: Problem;
}
export interface InferAnswer {
  request_id: string;
  /**
   * With fallback=empty: labels are missing that the service could not give.
   */
  degraded?: true;
  results: (AnsweredItem | FailedItem)[];
  /**
   * Why, where all of them are missing.
   */
  error?: Problem;
}
export type DescribedModel = ModelIdentity &
  ModelSpec & {
    /**
     * Absent where the model says nothing of it.
     */
    confidence?: Confidence;
  };
export interface ModelSummary {
  id: string;
  versions: string[];
  served: string | null;
  default: boolean;
  registered: boolean;
  state: "available" | "loading" | "failed" | "not fetched" | "unloaded";
  loaded: boolean;
  memory_bytes: number | null;
  title: string;
  description: string;
  licence: string;
  classes: number | null;
  input: {
    width: number | null;
    height: number | null;
  };
  accuracy: Accuracy | null;
  problem: string | null;
  fetch: FetchState | null;
}
export interface FetchState {
  received_bytes: number;
  total_bytes: number | null;
  problem: string | null;
}
export interface RightOf {
  right: number;
  n: number;
}
/**
 * What an answer was, and what it should have been.
 */
export interface LabelledAnswer {
  request_id: string;
  index: number;
  label: string;
  answered: string;
  right: boolean;
}
export type AccuracyReport = Agreement & {
  id: string;
  version: string;
  answers: number;
  top5: RightOf;
  bands: (RightOf & {
    band: Band;
  })[];
  days: (RightOf & {
    day: string;
  })[];
};
export interface Readiness {
  ready: boolean;
  live: true;
  reason: string | null;
  default_model: string | null;
  models_loaded: number;
  held: {
    requests: number;
    waiting: number;
    bytes: number;
    connections: number;
  };
  images_kept: {
    count: number;
    bytes: number;
  };
  feedback: {
    store: "sqlite" | "postgresql";
    problem: ("full" | "locked" | "unreachable" | "damaged" | "failed") | null;
    waiting: number;
    dropped: number;
    images_dropped: number;
  } | null;
  models_store: {
    problem: string | null;
    heard_seconds_ago: number | null;
  } | null;
  engine: {
    kind: "process" | "addon" | "remote" | "fake";
    ready: boolean;
    runtime: Runtime | null;
    libtensorflow: string | null;
    kernels: string | null;
    sandbox: Sandbox | null;
    cgroup: {
      held: boolean;
      reason: string | null;
    };
    programs: {
      model: string;
      engine: string;
      sandbox: Sandbox;
    }[];
  };
}
/**
 * An image that the service keeps for a while.
 */
export interface KeptImage {
  id: string;
  name: string;
  width: number;
  height: number;
  format: string;
  bytes: number;
  /**
   * How long it is kept after it was last asked for.
   */
  kept_ms: number;
}
/**
 * What a service tells of itself.
 */
export interface ServiceFacts {
  version: string;
  role: "none" | "infer" | "models" | "admin";
  keys: boolean;
  image_url: boolean;
  image_path: boolean;
  feedback: boolean;
  teach: boolean;
  limits: {
    image_bytes_max: number;
    image_pixels_max: number;
    image_side_pixels_max: number;
    images_per_request_max: number;
    images_kept_max: number;
    images_kept_bytes_max: number;
    image_kept_ms_max: number;
    models_per_request_max: number;
    graph_bytes_max: number;
    labels_bytes_max: number;
    request_bytes_max: number;
    requests_per_window_max: number;
    rate_window_ms: number;
    queue_wait_ms_max: number;
    classify_ms_max: number;
    registered_models_max: number;
    registered_bytes_max: number;
    teach_jobs_max: number;
    teach_photos_max: number;
    teach_bytes_max: number;
    teach_memory_bytes_max: number;
    teach_minutes_max: number;
    teach_days_max: number;
  };
}
/**
 * Fields that say how a model is fed and read.
 */
export interface Settings {
  /**
   * Name of the graph's input; detected.
   */
  input_tensor?: string;
  /**
   * Name of the graph's output; detected.
   */
  output_tensor?: string;
  /**
   * Side of the input in pixels, or WIDTHxHEIGHT, up to 4096; detected.
   */
  size?: string;
  /**
   * 0..1, -1..1, 0..255, imagenet, caffe, or mean=r,g,b;std=r,g,b on the 0–255 scale; detected.
   */
  normalization?: string;
  /**
   * Detected.
   */
  channel_order?: "RGB" | "BGR" | "GRAY";
  /**
   * The label of class i is entry i - label_offset; detected.
   */
  label_offset?: number;
  /**
   * How a photo is fitted to the input; detected.
   */
  resize?: "stretch" | "center-crop" | "pad";
  /**
   * Share of each side that center-crop keeps; detected.
   */
  crop_fraction?: number;
  /**
   * How pixels are averaged when the photo is resized; detected.
   */
  resize_filter?: "antialias" | "bilinear" | "nearest";
}
/**
 * Fields of `POST /api/models/inspect`.
 */
export type InspectFields = Settings & {
  /**
   * From the arrival of the request to its answer, in ms; past it: 504. It shortens CLASSIFY_MS_MAX alone.
   */
  deadline_ms?: number;
};
/**
 * Fields of one classification.
 */
export type ClassifyFields = InspectFields & {
  /**
   * Number of answers; 5.
   */
  top_k?: number;
  /**
   * Answers below this probability are left out; 0.
   */
  score_threshold?: number;
  /**
   * x,y,w,h: the part of the image to classify, in pixels of the upright image.
   */
  crop?: string;
  /**
   * x,y or x,y,side: a square around a point instead of a crop.
   */
  point?: string;
  /**
   * Whether the JSON answer carries the pixels that the model saw.
   */
  picture?: boolean;
  /**
   * Instead of model_file: a graph that was uploaded before.
   */
  model_sha256?: string;
};
/**
 * Fields of `POST /infer` that come once.
 */
export type InferFields = ClassifyFields & {
  /**
   * empty: where the service is full, late or without its engine, a 200 without labels in place of the problem.
   */
  fallback?: "empty";
};
/**
 * Fields of `POST /api/explain`.
 */
export type ExplainFields = ClassifyFields & {
  /**
   * The class that is explained, by its number from 0 or its label; the best one.
   */
  class?: string;
  /**
   * occlusion moves a window over the photo (Zeiler & Fergus 2014, arXiv:1311.2901); rise draws random masks (Petsiuk et al. 2018, arXiv:1806.07421).
   */
  method?: "occlusion" | "rise";
  /**
   * Cells along a side of the map; 7.
   */
  detail?: number;
  /**
   * Number of random masks of rise; what detail asks for.
   */
  masks?: number;
};
