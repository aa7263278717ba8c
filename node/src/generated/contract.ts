// Generated from native/contract by `npm run generate`. Do not edit.

export type Accuracy = {
  /**
   * Share of photos whose best answer is right, 0–1.
   */
  top1: number;
  /**
   * Photos measured.
   */
  photos: number;
  /**
   * Split, such as `test`.
   */
  split: string;
  /**
   * Data set.
   */
  data: string;
};

export type Agreement = {
  /**
   * Answers of which that was said.
   */
  n: number;
  /**
   * Of them, those whose best label was the one that was said.
   */
  right: number;
  /**
   * As that of [`Calibration`], of the probabilities that were answered; 0 where there are none.
   */
  calibration_error: number;
  /**
   * As [`Calibration::reliability`].
   */
  reliability: Array<ReliabilityBin>;
  /**
   * Every label that was said or answered.
   */
  classes: Array<MeasuredClass>;
  /**
   * As [`Calibration::confusions`].
   */
  confusions: Array<Confusion>;
};

export type Alternative = {
  /**
   * The value.
   */
  value: unknown;
  /**
   * Its score in the measure that `because` names.
   */
  score: number;
};

export type Answer = {
  /**
   * The image as it came.
   */
  image: ImageFacts;
  /**
   * The label with the highest probability; ties go to the lower index.
   */
  label: string;
  /**
   * Its class, 0-based.
   */
  index: number;
  /**
   * Its probability.
   */
  probability: number;
  /**
   * The probability in words.
   */
  band: Band;
  /**
   * How often answers of this band were right when that was measured; absent where it was not.
   */
  band_accuracy?: BandAccuracy;
  /**
   * Whether that was less often than the model's threshold.
   */
  unsure?: boolean;
  /**
   * What mean, std and channel order of the model rest on.
   */
  settings: Grounds;
  /**
   * Whether the classes are independent, so that the probabilities need not sum to 1.
   */
  independent?: boolean;
  /**
   * The best answers, best first.
   */
  top: Array<TopEntry>;
  /**
   * What the model saw.
   */
  input: InputFacts;
  /**
   * Where the time went.
   */
  timings_ms: Timings;
};

export type Band = "low" | "medium" | "high" | "very high";

export type BandAccuracy = {
  /**
   * Of them, those that were right.
   */
  right: number;
  /**
   * Answers of this band, at least 1.
   */
  n: number;
};

export type BandLimits = {
  /**
   * Where `medium` begins.
   */
  medium: number;
  /**
   * Where `high` begins.
   */
  high: number;
  /**
   * Where `very high` begins.
   */
  very_high: number;
};

export type Calibration = {
  /**
   * The photos, such as `flowers5/test`.
   */
  data: string;
  /**
   * The day of the measurement, `YYYY-MM-DD`.
   */
  date: string;
  /**
   * Photos measured.
   */
  n: number;
  /**
   * Share of photos whose best answer is right, 0–1.
   */
  top1: number;
  /**
   * Share of photos whose right answer is among the best five, 0–1.
   */
  top5: number;
  /**
   * What logits are divided by before their softmax, [`TEMPERATURE_MIN`] to [`TEMPERATURE_MAX`]; 1 changes nothing. The
   * one that minimises the log loss on all photos: Guo et al., On Calibration of Modern Neural Networks, 2017, 4.2.
   */
  temperature: number;
  /**
   * Parts into which the photos were dealt. Whatever is said below of probabilities is said of those that a temperature
   * gave that was fitted on the other parts.
   */
  folds: number;
  /**
   * Expected calibration error: how far the mean best probability of each row of `reliability` is from the share that was
   * right, on average over the photos; before and after the temperature.
   */
  calibration_error: CalibrationError;
  /**
   * Answers of a band that was right less often than this share are `unsure`, 0–1.
   */
  unsure_below: number;
  /**
   * What each band meant; those without an answer too.
   */
  bands: Array<MeasuredBand>;
  /**
   * Answers by their best probability, in ten equal steps; those without an answer are left out.
   */
  reliability: Array<ReliabilityBin>;
  /**
   * Every class that a photo shows or that was answered.
   */
  classes: Array<MeasuredClass>;
  /**
   * The most frequent wrong answers, the worst first.
   */
  confusions: Array<Confusion>;
};

export type CalibrationError = {
  /**
   * Of the probabilities as the graph gives them.
   */
  before: number;
  /**
   * Of those that the temperature of the other folds gives.
   */
  after: number;
};

export type ChannelOrder = "RGB" | "BGR" | "GRAY";

export type ClientTensor = {
  /**
   * What its values are; those of `float32` are little-endian.
   */
  dtype: Dtype;
  /**
   * Values along each axis, for one image.
   */
  shape: Array<number>;
};

export type Confidence = {
  /**
   * Where bands begin.
   */
  limits: BandLimits;
  /**
   * As [`Calibration::temperature`].
   */
  temperature: number;
  /**
   * As [`Calibration::unsure_below`].
   */
  unsure_below: number;
  /**
   * As [`Calibration::bands`]; empty where nothing was measured.
   */
  bands: Array<MeasuredBand>;
};

export type Confusion = {
  /**
   * What the photos show.
   */
  label: string;
  /**
   * What was answered.
   */
  answered: string;
  /**
   * How many of them.
   */
  n: number;
};

export type Crop =
  | {
      kind: "rectangle";
      /**
       * Left edge.
       */
      x: number;
      /**
       * Top edge.
       */
      y: number;
      /**
       * Pixels across, at least 1.
       */
      width: number;
      /**
       * Pixels down, at least 1.
       */
      height: number;
    }
  | {
      kind: "point";
      /**
       * Column of the point.
       */
      x: number;
      /**
       * Row of the point.
       */
      y: number;
      /**
       * Side of the square; half of the photo's shorter side when absent.
       */
      side: number | null;
    };

export type CurvePoint = {
  /**
   * Photos that it was trained on.
   */
  trained: number;
  /**
   * Photos that were set aside and it is right for.
   */
  right: number;
};

export type Decision = {
  /**
   * The settings; empty where the labels fit none.
   */
  overrides: SpecOverrides;
  /**
   * Why each of them was taken.
   */
  evidence: Array<Evidence>;
  /**
   * What the caller should know of the photos.
   */
  warnings: Array<string>;
  /**
   * Natural logarithm of how well the labels fit the best settings; 0 where there are none.
   */
  labels_log: number;
};

export type Dtype = "float32" | "uint8";

export type ErrorCode =
  | "image_missing"
  | "field_invalid"
  | "labels_missing"
  | "unauthorized"
  | "forbidden"
  | "model_unknown"
  | "version_unknown"
  | "request_unknown"
  | "job_unknown"
  | "job_busy"
  | "not_found"
  | "method_not_allowed"
  | "image_unknown"
  | "model_exists"
  | "upload_too_large"
  | "image_unsupported"
  | "image_undecodable"
  | "image_too_large"
  | "image_animated_limit"
  | "graph_invalid"
  | "graph_op_forbidden"
  | "graph_ambiguous"
  | "graph_too_large"
  | "graph_untranslated"
  | "labels_mismatch"
  | "labels_invalid"
  | "url_forbidden"
  | "url_unreachable"
  | "rate_limited"
  | "overloaded"
  | "storage_full"
  | "engine_failed"
  | "engine_unavailable"
  | "engine_timeout"
  | "internal";

export type Evidence = {
  /**
   * Path of the field, such as `input.mean`.
   */
  field: string;
  /**
   * The value taken.
   */
  value: unknown;
  /**
   * How it was found.
   */
  source: Source;
  /**
   * Why, in words and numbers.
   */
  because: string;
  /**
   * Probability that the value is right, 0–1.
   */
  confidence: number;
  /**
   * The values not taken, best first.
   */
  alternatives: Array<Alternative>;
};

export type Example = {
  /**
   * What the photo shows, as the client says it; absent where nobody does.
   */
  label?: string;
  /**
   * For each way of fitting the photo to the input, which of its views that gives: several ways may give the same pixels.
   */
  views: Array<number>;
  /**
   * What was answered.
   */
  tries: Array<Try>;
};

export type ExplainMethod = "occlusion" | "rise";

export type ExplainOptions = {
  /**
   * The class that is explained, by its 0-based number or its label; the best one when absent.
   */
  class?: string;
  /**
   * How the map is made.
   */
  method: ExplainMethod;
  /**
   * Cells along a side, [`DETAIL_MIN`] to [`DETAIL_MAX`], and at most the pixels of the input's shorter side.
   */
  detail: number;
  /**
   * Random masks, for [`ExplainMethod::Rise`]; what `detail` asks for when absent.
   */
  masks?: number;
  /**
   * Most masks of one map.
   */
  masks_max: number;
};

export type Explanation = {
  /**
   * The class that is explained, with its probability for the whole photo.
   */
  class: TopEntry;
  /**
   * How the map was made.
   */
  method: ExplainMethod;
  /**
   * Photos that the model was given: the whole one, and one for each mask.
   */
  runs: number;
  /**
   * Rows of the map from the top, each from the left: by how much the probability of the class is higher while this cell
   * is seen than while it is hidden, -1 to 1. Below 0 the cell speaks against the class.
   */
  grid: Array<Array<number>>;
  /**
   * The part of the upright photo that the map covers, in pixels; it reaches out of it where the photo is padded.
   */
  region: MapRegion;
  /**
   * The photo as the model saw it with the map over it, as a PNG data URL, when asked for.
   */
  picture?: string;
};

export type ExportForm = "onnx" | "frozen" | "savedmodel";

export type ExportRequest = {
  /**
   * How the graph would be loaded.
   */
  load: LoadRequest;
  /**
   * What is written.
   */
  form: ExportForm;
  /**
   * Whether the file takes pixels and gives probabilities; else it takes the graph's tensor and gives its scores.
   */
  preprocess: boolean;
  /**
   * Bytes of the label file; 0 where there is none.
   */
  labels_bytes: number;
  /**
   * As [`crate::LabelsSpec::offset`], where it does not follow from the counts.
   */
  label_offset?: number;
  /**
   * As [`crate::Calibration::temperature`]; 1 where it was not measured.
   */
  temperature: number;
};

export type FeaturesTensor = {
  /**
   * Name of the tensor.
   */
  tensor: string;
  /**
   * Values for each image.
   */
  size: number;
};

export type Finding = {
  /**
   * Whether the model is refused for it.
   */
  severity: Severity;
  /**
   * Path of a field of the manifest, or name of a file.
   */
  field: string;
  /**
   * What is so.
   */
  problem: string;
  /**
   * What to do.
   */
  mend: string;
};

export type ForbiddenOp = {
  /**
   * The op.
   */
  op: string;
  /**
   * The node that uses it.
   */
  node: string;
  /**
   * Why it is forbidden.
   */
  reason: string;
};

export type GraphFacts = {
  /**
   * SHA-256 of the file as it came, in lower-case hex.
   */
  sha256: string;
  /**
   * Size of the file.
   */
  bytes: number;
  /**
   * Nodes in the file.
   */
  nodes: number;
  /**
   * Trained numbers between input and output.
   */
  parameters: number;
  /**
   * Multiply-adds for one image.
   */
  multiply_adds: number;
  /**
   * Estimate of the memory that one run holds: weights and the largest pair of activations.
   */
  memory_bytes_estimate: number;
  /**
   * Histogram of the ops between input and output.
   */
  ops: { [key in string]: number };
};

export type GraphFile = {
  /**
   * File name in the model's folder.
   */
  file: string;
  /**
   * Size, where known.
   */
  bytes: number | null;
  /**
   * SHA-256 in lower-case hex, where known.
   */
  sha256: string | null;
};

export type GraphFormat = "auto" | "frozen_graph" | "saved_model" | "unknown";

export type GraphSource = {
  /**
   * Address of the archive with the graph.
   */
  url: string;
  /**
   * Name of the graph inside it.
   */
  member: string;
  /**
   * Address of the archive with the labels, where it is another one.
   */
  labels_url?: string;
  /**
   * Name of the labels inside it; without it the labels have to be put into the folder by hand.
   */
  labels_member?: string;
};

export type Grounds = {
  /**
   * Whether each of them is right with a probability of at least [`CERTAIN_MIN`].
   */
  certain: boolean;
  /**
   * How the least sure of them was found.
   */
  by: Source;
};

export type Hello = {
  /**
   * [`crate::frame::PROTOCOL`].
   */
  protocol: number;
  /**
   * Name and version of the executable.
   */
  engine: string;
  /**
   * What runs the graphs.
   */
  runtime: Runtime;
  /**
   * What computes layers, such as `oneDNN` or `Eigen`.
   */
  kernels: string;
  /**
   * Largest length field that it accepts, in bytes.
   */
  frame_bytes_max: number;
  /**
   * Most images in one infer frame.
   */
  images_max: number;
  /**
   * What confines it.
   */
  sandbox: Sandbox;
  /**
   * Whether it takes frames of kind [`crate::FrameKind::Tensors`].
   */
  tensors?: boolean;
};

export type HiddenTried = {
  /**
   * With a hidden layer.
   */
  with: number;
  /**
   * Without one.
   */
  without: number;
  /**
   * Standard error of their difference: the layer is taken where it is better by more.
   */
  error: number;
};

export type ImageFacts = {
  /**
   * Pixels across, after EXIF orientation.
   */
  width: number;
  /**
   * Pixels down, after EXIF orientation.
   */
  height: number;
  /**
   * `jpeg`, `png`, `webp`, `gif` or `bmp`; `pixels` or `tensor` where that came in place of an image.
   */
  format: string;
};

export type ImageLimits = {
  /**
   * Width times height.
   */
  pixels_max: number;
  /**
   * Longer side.
   */
  side_pixels_max: number;
};

export type InferOptions = {
  /**
   * Number of answers, 1–100.
   */
  top_k: number;
  /**
   * Answers below this probability are left out of `top`, 0–1.
   */
  score_threshold: number;
  /**
   * Part of the upright photo to classify, in pixels.
   */
  crop?: Crop;
  /**
   * Whether the answer carries the pixels that the model saw, as a PNG data URL.
   */
  picture: boolean;
  /**
   * Whether `top` has every class, whatever `top_k` and `score_threshold` say.
   */
  every_class?: boolean;
  /**
   * What an image may cost.
   */
  limits: ImageLimits;
};

export type InputFacts = {
  /**
   * Pixels across.
   */
  width: number;
  /**
   * Pixels down.
   */
  height: number;
  /**
   * SHA-256 of the u8 pixels, rows of interleaved channels (RGB, or one grey), in lower-case hex. Of a `float32` tensor that
   * a client made, of its bytes.
   */
  sha256: string;
  /**
   * The pixels as a PNG data URL, when asked for.
   */
  picture?: string;
};

export type InputSpec = {
  /**
   * Name of the fed tensor, without `:0`.
   */
  tensor: string;
  /**
   * Element type of the fed tensor.
   */
  dtype: Dtype;
  /**
   * Order of its axes.
   */
  layout: Layout;
  /**
   * Pixels across.
   */
  width: number;
  /**
   * Pixels down.
   */
  height: number;
  /**
   * 1 (grey) or 3.
   */
  channels: number;
  /**
   * Order of the channels in the tensor.
   */
  channel_order: ChannelOrder;
  /**
   * Subtracted from each channel, on the 0–255 scale; `channels` values.
   */
  mean: Array<number>;
  /**
   * Divides each channel, on the 0–255 scale; `channels` values, none zero.
   */
  std: Array<number>;
  /**
   * How a photo is fitted to `width` x `height`.
   */
  resize: Resize;
  /**
   * Share of each side of the largest centred rectangle that `center-crop` keeps, [`CROP_FRACTION_MIN`] to 1.
   */
  crop_fraction: number;
  /**
   * How pixels are averaged on the way.
   */
  resize_filter: ResizeFilter;
  /**
   * The batch that the graph is fixed at; absent when any batch is accepted. Missing images are filled up.
   */
  batch?: number | null;
};

export type LabelsFile = {
  /**
   * File name in the model's folder.
   */
  file: string;
  /**
   * SHA-256 in lower-case hex, where known.
   */
  sha256: string | null;
  /**
   * The label of class `i` is entry `i - offset`; absent where that is detected.
   */
  offset?: number;
};

export type LabelsSpec = {
  /**
   * Labels in the file.
   */
  count: number;
  /**
   * Label of class `i` is entry `i - offset` of the file: 1 when the graph has a background class that the file lacks, -1 when the file has one that the graph lacks.
   */
  offset: number;
  /**
   * The form of the file, such as `plain`, `index:label`, `json-array`, `csv`.
   */
  format: string;
};

export type Layout = "NHWC" | "NCHW" | "NHW" | "FLAT";

export type LoadRequest = {
  /**
   * Whose graph it is.
   */
  origin: Origin;
  /**
   * What the file is.
   */
  format: GraphFormat;
  /**
   * What the caller sets.
   */
  overrides: SpecOverrides;
  /**
   * Who set it: `manifest` or `request`.
   */
  source: Source;
  /**
   * Labels that will be used, where known: chooses between several heads.
   */
  label_count?: number;
  /**
   * SHA-256 of the graph file in lower-case hex, where the host knows it; the engine computes it otherwise.
   */
  graph_sha256?: string;
  /**
   * Threads for one run; 0 lets the engine choose.
   */
  threads: number;
};

export type Loaded = {
  /**
   * As it was resolved.
   */
  spec: ModelSpec;
  /**
   * Infer frames that run at once; at least 1. Further ones wait in the engine.
   */
  lanes: number;
};

export type Manifest = {
  /**
   * Where its JSON Schema lies, for editors.
   */
  $schema?: string;
  /**
   * Always [`MANIFEST_SCHEMA`].
   */
  schema: number;
  /**
   * Folder name: lower-case letters, digits, `.`, `_` and `-`.
   */
  id: string;
  /**
   * Version, free text without `/` and `@`.
   */
  version: string;
  /**
   * One line for people.
   */
  title: string;
  /**
   * What it tells apart.
   */
  description: string;
  /**
   * SPDX identifier of the weights' licence.
   */
  licence: string;
  /**
   * Whether requests that name no model get this one.
   */
  default: boolean;
  /**
   * The program that runs the model in place of libtensorflow. Of the operator's zoo alone: clients name none.
   */
  engine?: Program;
  /**
   * The graph file. A manifest with `engine` may leave it out: the program's own file stands here then.
   */
  graph: GraphFile;
  /**
   * Where the graph is fetched from when it is not in the folder.
   */
  source?: GraphSource;
  /**
   * The label file; absent where the classes are numbered.
   */
  labels?: LabelsFile;
  /**
   * How pixels become the tensor.
   */
  input: ManifestInput;
  /**
   * What the scores are.
   */
  output: ManifestOutput;
  /**
   * The pooled vector before the class layer, where the graph names one.
   */
  features?: FeaturesTensor;
  /**
   * Measured accuracy.
   */
  accuracy?: Accuracy;
  /**
   * Where bands begin; absent where they begin at 0.2, 0.5 and 0.75.
   */
  bands?: BandLimits;
  /**
   * What its confidence is worth, as `menagerie calibrate` measured it.
   */
  calibration?: Calibration;
  /**
   * How settings of `input` were found that nobody stated, such as those that labelled photos decided.
   */
  evidence?: Array<Evidence>;
};

export type ManifestInput = {
  /**
   * Name of the image input.
   */
  tensor?: string;
  /**
   * Element type.
   */
  dtype?: Dtype;
  /**
   * Order of the axes.
   */
  layout?: Layout;
  /**
   * Pixels across.
   */
  width?: number;
  /**
   * Pixels down.
   */
  height?: number;
  /**
   * 1 or 3.
   */
  channels?: number;
  /**
   * Order of the channels.
   */
  channel_order?: ChannelOrder;
  /**
   * Subtracted from 0–255 pixels.
   */
  mean?: Array<number>;
  /**
   * Divides 0–255 pixels.
   */
  std?: Array<number>;
  /**
   * How photos are fitted.
   */
  resize?: Resize;
  /**
   * Share of each side that `center-crop` keeps.
   */
  crop_fraction?: number;
  /**
   * How pixels are averaged.
   */
  resize_filter?: ResizeFilter;
};

export type ManifestOutput = {
  /**
   * Name of the class output.
   */
  tensor?: string;
  /**
   * What the scores are.
   */
  kind?: OutputKind;
  /**
   * Number of classes.
   */
  classes?: number;
};

export type MapRegion = {
  /**
   * Left edge.
   */
  x: number;
  /**
   * Top edge.
   */
  y: number;
  /**
   * Pixels across.
   */
  width: number;
  /**
   * Pixels down.
   */
  height: number;
};

export type MeasuredBand = {
  /**
   * The band.
   */
  band: Band;
  /**
   * Where it began then; what was measured holds while it begins there.
   */
  above: number;
  /**
   * Answers of it that were right.
   */
  right: number;
  /**
   * Answers of it.
   */
  n: number;
};

export type MeasuredClass = {
  /**
   * Its label.
   */
  label: string;
  /**
   * Photos of it.
   */
  n: number;
  /**
   * Of them, those that were answered with it.
   */
  right: number;
  /**
   * Photos of any class that were answered with it.
   */
  answered: number;
};

export type ModelSpec = {
  /**
   * The image input.
   */
  input: InputSpec;
  /**
   * The class output.
   */
  output: OutputSpec;
  /**
   * How the labels fit the classes; absent while no labels are known.
   */
  labels?: LabelsSpec | null;
  /**
   * The graph in numbers.
   */
  graph: GraphFacts;
  /**
   * Where each detected field comes from.
   */
  evidence: Array<Evidence>;
  /**
   * Ways of scaling pixels that the graph leaves possible, the most probable first; labelled photos decide between them.
   */
  scalings?: Array<Scaling>;
  /**
   * What mean, std and channel order rest on; absent as an engine answers it.
   */
  settings?: Grounds;
  /**
   * What the allow-list of ops says.
   */
  verdict: Verdict;
  /**
   * Things the caller should know, such as an assumed size.
   */
  warnings: Array<string>;
};

export type NextStep =
  | {
      kind: "run";
      /**
       * Place of the photo.
       */
      photo: number;
      /**
       * Ways of scaling, one for each run.
       */
      scalings: Array<number>;
      /**
       * Views of the photo, one for each run.
       */
      views: Array<number>;
    }
  | {
      kind: "decided";
      /**
       * What is known.
       */
      decision: Decision;
    };

export type Origin = "zoo" | "stranger";

export type OutputKind = "softmax" | "logits" | "sigmoid" | "index";

export type OutputSpec = {
  /**
   * Name of the fetched tensor, without `:0`.
   */
  tensor: string;
  /**
   * What its values are.
   */
  kind: OutputKind;
  /**
   * Number of values for each image.
   */
  classes: number;
  /**
   * Other class outputs of the same graph, by tensor name.
   */
  heads: Array<string>;
};

export type Place = {
  /**
   * Name of the model's folder.
   */
  id: string;
  /**
   * Name of the version's folder, where there is one.
   */
  version: string | null;
};

export type Problem = {
  /**
   * The stable code.
   */
  code: ErrorCode;
  /**
   * What was wrong, with the value and the limit, and what to do. Plain text, not escaped.
   */
  message: string;
};

export type Program = {
  /**
   * Executable file in the model's folder.
   */
  program: string;
  /**
   * What it is started with, at most 64 texts; in the one-shot form what stands before the form's own arguments.
   */
  arguments?: Array<string>;
  /**
   * How it is spoken to; `frames` where it is absent.
   */
  protocol?: ProgramProtocol;
};

export type ProgramProtocol = "frames" | "once";

export type ReliabilityBin = {
  /**
   * Best probabilities above this, and at most 0.1 more, 0–1.
   */
  above: number;
  /**
   * Their mean, 0–1.
   */
  probability: number;
  /**
   * Answers that were right.
   */
  right: number;
  /**
   * Answers.
   */
  n: number;
};

export type Resize = "stretch" | "center-crop" | "pad";

export type ResizeFilter = "antialias" | "bilinear" | "nearest";

export type Runtime = {
  /**
   * Its name, such as [`LIBTENSORFLOW`] or [`ONNXRUNTIME`].
   */
  name: string;
  /**
   * Its version, as it says itself.
   */
  version: string;
};

export type Sandbox = {
  /**
   * Measures that hold, such as `seccomp`.
   */
  held: Array<string>;
  /**
   * Measures that this system does not offer, each with the reason.
   */
  missing: Array<string>;
};

export type Scaling = {
  /**
   * Subtracted from each channel; one value for each.
   */
  mean: Array<number>;
  /**
   * Divides each channel; one value for each.
   */
  std: Array<number>;
  /**
   * Order of the channels.
   */
  channel_order: ChannelOrder;
  /**
   * How probable the graph makes it, 0–1.
   */
  probability: number;
};

export type Severity = "error" | "warning";

export type Source = "prior" | "measured" | "examples" | "read" | "manifest" | "request";

export type SpecOverrides = {
  /**
   * Name of the image input.
   */
  input_tensor?: string;
  /**
   * Name of the class output.
   */
  output_tensor?: string;
  /**
   * Pixels across.
   */
  width?: number;
  /**
   * Pixels down.
   */
  height?: number;
  /**
   * Order of the axes.
   */
  layout?: Layout;
  /**
   * Order of the channels.
   */
  channel_order?: ChannelOrder;
  /**
   * Subtracted from 0–255 pixels: one value for all channels or one each, in `channel_order`.
   */
  mean?: Array<number>;
  /**
   * Divides 0–255 pixels; as `mean`.
   */
  std?: Array<number>;
  /**
   * How photos are fitted.
   */
  resize?: Resize;
  /**
   * Share of each side that `center-crop` keeps.
   */
  crop_fraction?: number;
  /**
   * How pixels are averaged.
   */
  resize_filter?: ResizeFilter;
  /**
   * What the scores are.
   */
  output_kind?: OutputKind;
  /**
   * Entry of the label file for class `i` is `i - label_offset`.
   */
  label_offset?: number;
};

export type TeachReport = {
  /**
   * Photos that it was trained on.
   */
  trained: number;
  /**
   * Photos that were set aside.
   */
  held_out: number;
  /**
   * Those of them that it is right for.
   */
  right: number;
  /**
   * Strength of the penalty on squared weights.
   */
  l2: number;
  /**
   * Parts that the trained photos were dealt into to choose it; 0 where there were too few.
   */
  folds: number;
  /**
   * Values of the layer between the features and the class layer; 0 where there is none.
   */
  hidden: number;
  /**
   * What cross-validation said of such a layer. Absent where there are too few photos.
   */
  hidden_tried?: HiddenTried | null;
  /**
   * What right answers of `held_out` were with fewer photos, and with all; the fewest first.
   */
  curve: Array<CurvePoint>;
  /**
   * The share of right answers that twice the photos would give, if errors went on shrinking as they did: 0–1. Absent
   * where they did not shrink.
   */
  with_twice?: number | null;
  /**
   * Photos that were set aside and answered wrong, the surest answer first.
   */
  wrong: Array<WrongPhoto>;
};

export type Timings = {
  /**
   * Bytes to upright RGB photo.
   */
  decode: number;
  /**
   * Photo to pixels.
   */
  resize: number;
  /**
   * Waiting in the engine.
   */
  queue: number;
  /**
   * The session run.
   */
  run: number;
  /**
   * From bytes to answer.
   */
  total: number;
};

export type TopEntry = {
  /**
   * The label.
   */
  label: string;
  /**
   * The class, 0-based.
   */
  index: number;
  /**
   * The probability.
   */
  probability: number;
};

export type Try = {
  /**
   * Place among the ways of scaling that are tried.
   */
  scaling: number;
  /**
   * View of the photo.
   */
  view: number;
  /**
   * Probability of the photo's label; without one, of the answer.
   */
  probability: number;
  /**
   * Of a photo without a label, the likelier classes with their shares of all probabilities.
   */
  classes?: Array<[number, number]>;
};

export type Verdict = {
  /**
   * Whether every op between input and output is allowed.
   */
  allowed: boolean;
  /**
   * The ops that are not.
   */
  forbidden: Array<ForbiddenOp>;
};

export type WrongPhoto = {
  /**
   * Its place.
   */
  photo: number;
  /**
   * The class that it is answered with.
   */
  answered: number;
  /**
   * How sure that is, before any temperature: 0–1.
   */
  probability: number;
};

export const PROTOCOL = 2;
export const MANIFEST_SCHEMA = 1;
export const FRAME_HEADER_BYTES = 9;
export const FRAME_REQUEST_ID_OFFSET = 5;
export const FRAME_BYTES_MAX = 536870912;
export const REPLY_BYTES_MAX = 16777216;
export const CROP_FRACTION_MIN = 0.1;
export const SIDE_PIXELS_MAX = 4096;
export const LABEL_OFFSET_MAX = 100;
export const DETAIL_MIN = 3;
export const DETAIL_MAX = 32;
export const LIBTENSORFLOW = "libtensorflow";
export const ONNXRUNTIME = "onnxruntime";
export const VERSION = "0.1.0";

export const FRAME_KIND = {
  hello: 1,
  load: 2,
  loaded: 3,
  infer: 4,
  scores: 5,
  error: 6,
  ping: 7,
  pong: 8,
  tensors: 9,
} as const;

export const MANIFEST_FIELDS = [
  "$schema",
  "schema",
  "id",
  "version",
  "title",
  "description",
  "licence",
  "default",
  "engine",
  "graph",
  "source",
  "labels",
  "input",
  "output",
  "features",
  "accuracy",
  "bands",
  "calibration",
  "evidence",
] as const satisfies readonly (keyof Manifest)[];

export const ERROR_CODES = [
  "image_missing",
  "field_invalid",
  "labels_missing",
  "unauthorized",
  "forbidden",
  "model_unknown",
  "version_unknown",
  "request_unknown",
  "job_unknown",
  "job_busy",
  "not_found",
  "method_not_allowed",
  "image_unknown",
  "model_exists",
  "upload_too_large",
  "image_unsupported",
  "image_undecodable",
  "image_too_large",
  "image_animated_limit",
  "graph_invalid",
  "graph_op_forbidden",
  "graph_ambiguous",
  "graph_too_large",
  "graph_untranslated",
  "labels_mismatch",
  "labels_invalid",
  "url_forbidden",
  "url_unreachable",
  "rate_limited",
  "overloaded",
  "storage_full",
  "engine_failed",
  "engine_unavailable",
  "engine_timeout",
  "internal",
] as const satisfies readonly ErrorCode[];

export const LICENCES = [
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BSL-1.0",
  "CC-BY-2.0",
  "CC-BY-3.0",
  "CC-BY-4.0",
  "CC-BY-SA-4.0",
  "CC0-1.0",
  "CDLA-Permissive-2.0",
  "ISC",
  "MIT",
  "MIT-0",
  "Unlicense",
  "Zlib",
] as const satisfies readonly string[];
