// Generated from native/contract by `npm run generate`. Do not edit.

export const CONTRACT_SCHEMAS: Readonly<Record<string, object>> = {
  Accuracy: {
    additionalProperties: false,
    description: "A measured accuracy.",
    properties: {
      data: {
        description: "Data set.",
        type: "string",
      },
      photos: {
        description: "Photos measured.",
        format: "uint32",
        minimum: 1,
        type: "integer",
      },
      split: {
        description: "Split, such as `test`.",
        type: "string",
      },
      top1: {
        description: "Share of photos whose best answer is right, 0–1.",
        format: "double",
        maximum: 1,
        minimum: 0,
        type: "number",
      },
    },
    required: ["top1", "photos", "split", "data"],
    type: "object",
  },
  Agreement: {
    description: "How answers agree with what their askers said that the photos showed.",
    properties: {
      calibration_error: {
        description: "As that of [`Calibration`], of the probabilities that were answered; 0 where there are none.",
        format: "double",
        maximum: 1,
        minimum: 0,
        type: "number",
      },
      classes: {
        description: "Every label that was said or answered.",
        items: {
          $ref: "#/components/schemas/MeasuredClass",
        },
        type: "array",
      },
      confusions: {
        description: "As [`Calibration::confusions`].",
        items: {
          $ref: "#/components/schemas/Confusion",
        },
        type: "array",
      },
      n: {
        description: "Answers of which that was said.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      reliability: {
        description: "As [`Calibration::reliability`].",
        items: {
          $ref: "#/components/schemas/ReliabilityBin",
        },
        type: "array",
      },
      right: {
        description: "Of them, those whose best label was the one that was said.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
    },
    required: ["n", "right", "calibration_error", "reliability", "classes", "confusions"],
    type: "object",
  },
  Alternative: {
    description: "A value that was considered and not taken.",
    properties: {
      score: {
        description: "Its score in the measure that `because` names.",
        format: "float",
        type: "number",
      },
      value: {
        description: "The value.",
      },
    },
    required: ["value", "score"],
    type: "object",
  },
  Answer: {
    description: "The answer for one image and one model.",
    properties: {
      band: {
        $ref: "#/components/schemas/Band",
        description: "The probability in words.",
      },
      band_accuracy: {
        anyOf: [
          {
            $ref: "#/components/schemas/BandAccuracy",
          },
          {
            type: "null",
          },
        ],
        description: "How often answers of this band were right when that was measured; absent where it was not.",
      },
      image: {
        $ref: "#/components/schemas/ImageFacts",
        description: "The image as it came.",
      },
      independent: {
        description: "Whether the classes are independent, so that the probabilities need not sum to 1.",
        type: "boolean",
      },
      index: {
        description: "Its class, 0-based.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      input: {
        $ref: "#/components/schemas/InputFacts",
        description: "What the model saw.",
      },
      label: {
        description: "The label with the highest probability; ties go to the lower index.",
        type: "string",
      },
      probability: {
        description: "Its probability.",
        format: "float",
        type: "number",
      },
      settings: {
        $ref: "#/components/schemas/Grounds",
        description: "What mean, std and channel order of the model rest on.",
      },
      timings_ms: {
        $ref: "#/components/schemas/Timings",
        description: "Where the time went.",
      },
      top: {
        description: "The best answers, best first.",
        items: {
          $ref: "#/components/schemas/TopEntry",
        },
        type: "array",
      },
      unsure: {
        description: "Whether that was less often than the model's threshold.",
        type: "boolean",
      },
    },
    required: ["image", "label", "index", "probability", "band", "settings", "top", "input", "timings_ms"],
    type: "object",
  },
  Band: {
    description: "A probability in words. Where each begins is said by [`crate::calibration::BandLimits`].",
    oneOf: [
      {
        const: "low",
        description: "As long as a model states no other limits: at most 0.2.",
        type: "string",
      },
      {
        const: "medium",
        description: "Above 0.2.",
        type: "string",
      },
      {
        const: "high",
        description: "Above 0.5.",
        type: "string",
      },
      {
        const: "very high",
        description: "Above 0.75.",
        type: "string",
      },
    ],
  },
  BandAccuracy: {
    description: "How often answers of one band were right.",
    properties: {
      n: {
        description: "Answers of this band, at least 1.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      right: {
        description: "Of them, those that were right.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
    },
    required: ["right", "n"],
    type: "object",
  },
  BandLimits: {
    additionalProperties: false,
    description: "The probabilities above which bands begin, 0–1, each above the one before.",
    properties: {
      high: {
        description: "Where `high` begins.",
        format: "float",
        maximum: 1,
        minimum: 0,
        type: "number",
      },
      medium: {
        description: "Where `medium` begins.",
        format: "float",
        maximum: 1,
        minimum: 0,
        type: "number",
      },
      very_high: {
        description: "Where `very high` begins.",
        format: "float",
        maximum: 1,
        minimum: 0,
        type: "number",
      },
    },
    required: ["medium", "high", "very_high"],
    type: "object",
  },
  Calibration: {
    additionalProperties: false,
    description: "A model's confidence as it was measured on photos whose labels are known.",
    properties: {
      bands: {
        description: "What each band meant; those without an answer too.",
        items: {
          $ref: "#/components/schemas/MeasuredBand",
        },
        type: "array",
      },
      calibration_error: {
        $ref: "#/components/schemas/CalibrationError",
        description:
          "Expected calibration error: how far the mean best probability of each row of `reliability` is from the share that was\nright, on average over the photos; before and after the temperature.",
      },
      classes: {
        description: "Every class that a photo shows or that was answered.",
        items: {
          $ref: "#/components/schemas/MeasuredClass",
        },
        type: "array",
      },
      confusions: {
        description: "The most frequent wrong answers, the worst first.",
        items: {
          $ref: "#/components/schemas/Confusion",
        },
        type: "array",
      },
      data: {
        description: "The photos, such as `flowers5/test`.",
        type: "string",
      },
      date: {
        description: "The day of the measurement, `YYYY-MM-DD`.",
        pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        type: "string",
      },
      folds: {
        description:
          "Parts into which the photos were dealt. Whatever is said below of probabilities is said of those that a temperature\ngave that was fitted on the other parts.",
        format: "uint32",
        minimum: 2,
        type: "integer",
      },
      n: {
        description: "Photos measured.",
        format: "uint32",
        minimum: 1,
        type: "integer",
      },
      reliability: {
        description: "Answers by their best probability, in ten equal steps; those without an answer are left out.",
        items: {
          $ref: "#/components/schemas/ReliabilityBin",
        },
        type: "array",
      },
      temperature: {
        description:
          "What logits are divided by before their softmax, [`TEMPERATURE_MIN`] to [`TEMPERATURE_MAX`]; 1 changes nothing. The\none that minimises the log loss on all photos: Guo et al., On Calibration of Modern Neural Networks, 2017, 4.2.",
        format: "float",
        maximum: 10.0,
        minimum: 0.10000000149011612,
        type: "number",
      },
      top1: {
        description: "Share of photos whose best answer is right, 0–1.",
        format: "double",
        maximum: 1,
        minimum: 0,
        type: "number",
      },
      top5: {
        description: "Share of photos whose right answer is among the best five, 0–1.",
        format: "double",
        maximum: 1,
        minimum: 0,
        type: "number",
      },
      unsure_below: {
        description: "Answers of a band that was right less often than this share are `unsure`, 0–1.",
        format: "float",
        maximum: 1,
        minimum: 0,
        type: "number",
      },
    },
    required: [
      "data",
      "date",
      "n",
      "top1",
      "top5",
      "temperature",
      "folds",
      "calibration_error",
      "unsure_below",
      "bands",
      "reliability",
      "classes",
      "confusions",
    ],
    type: "object",
  },
  CalibrationError: {
    additionalProperties: false,
    description: "Expected calibration error, 0–1.",
    properties: {
      after: {
        description: "Of those that the temperature of the other folds gives.",
        format: "double",
        maximum: 1,
        minimum: 0,
        type: "number",
      },
      before: {
        description: "Of the probabilities as the graph gives them.",
        format: "double",
        maximum: 1,
        minimum: 0,
        type: "number",
      },
    },
    required: ["before", "after"],
    type: "object",
  },
  ChannelOrder: {
    description: "Order of the colour channels in the tensor.",
    oneOf: [
      {
        const: "RGB",
        description: "Red, green, blue.",
        type: "string",
      },
      {
        const: "BGR",
        description: "Blue, green, red.",
        type: "string",
      },
      {
        const: "GRAY",
        description: "Grey: one channel, or three that are equal.",
        type: "string",
      },
    ],
  },
  Confidence: {
    additionalProperties: false,
    description: "What an answer needs of a manifest to put its probabilities in words.",
    properties: {
      bands: {
        description: "As [`Calibration::bands`]; empty where nothing was measured.",
        items: {
          $ref: "#/components/schemas/MeasuredBand",
        },
        type: "array",
      },
      limits: {
        $ref: "#/components/schemas/BandLimits",
        description: "Where bands begin.",
      },
      temperature: {
        description: "As [`Calibration::temperature`].",
        format: "float",
        type: "number",
      },
      unsure_below: {
        description: "As [`Calibration::unsure_below`].",
        format: "float",
        type: "number",
      },
    },
    required: ["limits", "temperature", "unsure_below", "bands"],
    type: "object",
  },
  Confusion: {
    additionalProperties: false,
    description: "A wrong answer.",
    properties: {
      answered: {
        description: "What was answered.",
        type: "string",
      },
      label: {
        description: "What the photos show.",
        type: "string",
      },
      n: {
        description: "How many of them.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
    },
    required: ["label", "answered", "n"],
    type: "object",
  },
  CurvePoint: {
    additionalProperties: false,
    description: "A head that was trained on a part of the photos.",
    properties: {
      right: {
        description: "Photos that were set aside and it is right for.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      trained: {
        description: "Photos that it was trained on.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
    },
    required: ["trained", "right"],
    type: "object",
  },
  Dtype: {
    description: "Element types that an image input may have.",
    oneOf: [
      {
        const: "float32",
        description: "32-bit float.",
        type: "string",
      },
      {
        const: "uint8",
        description: "Bytes 0–255: fed as they are; `mean` is 0 and `std` 1.",
        type: "string",
      },
    ],
  },
  ErrorCode: {
    description: "A stable code of the HTTP contract. The HTTP status of each lives in the Node service alone.",
    oneOf: [
      {
        const: "image_missing",
        description: "No image in the request.",
        type: "string",
      },
      {
        const: "field_invalid",
        description: "A field is malformed or out of its range; the message names field, value and range.",
        type: "string",
      },
      {
        const: "labels_missing",
        description: "The request needs labels and none came with the graph.",
        type: "string",
      },
      {
        const: "unauthorized",
        description: "API keys are on and none, or an unknown one, was sent.",
        type: "string",
      },
      {
        const: "forbidden",
        description: "The key is known but may not do this.",
        type: "string",
      },
      {
        const: "model_unknown",
        description: "No model of that id or SHA-256.",
        type: "string",
      },
      {
        const: "version_unknown",
        description: "The model exists, the version does not.",
        type: "string",
      },
      {
        const: "request_unknown",
        description: "No request of that id is remembered.",
        type: "string",
      },
      {
        const: "job_unknown",
        description: "This caller has no job of that id.",
        type: "string",
      },
      {
        const: "job_busy",
        description: "The job is not in a state that allows this.",
        type: "string",
      },
      {
        const: "not_found",
        description: "No such page or call.",
        type: "string",
      },
      {
        const: "method_not_allowed",
        description: "The address exists, the method does not.",
        type: "string",
      },
      {
        const: "image_unknown",
        description: "No image is kept under that id, or lies at that path.",
        type: "string",
      },
      {
        const: "model_exists",
        description: "Another graph is registered under that id and version.",
        type: "string",
      },
      {
        const: "upload_too_large",
        description: "The upload passed a size limit and was stopped while streaming.",
        type: "string",
      },
      {
        const: "image_unsupported",
        description: "Not one of the image formats, judged by its bytes.",
        type: "string",
      },
      {
        const: "image_undecodable",
        description: "The image is broken.",
        type: "string",
      },
      {
        const: "image_too_large",
        description: "More pixels than allowed, judged from the header before decoding.",
        type: "string",
      },
      {
        const: "image_animated_limit",
        description: "More frames than allowed.",
        type: "string",
      },
      {
        const: "graph_invalid",
        description: "Not a usable frozen graph.",
        type: "string",
      },
      {
        const: "graph_op_forbidden",
        description: "An op outside the allow-list, named with its node.",
        type: "string",
      },
      {
        const: "graph_ambiguous",
        description: "No single image input or class output; the candidates are listed.",
        type: "string",
      },
      {
        const: "graph_too_large",
        description: "The graph, or a tensor in it, passes a size limit.",
        type: "string",
      },
      {
        const: "graph_untranslated",
        description: "An op of the graph, named with its node, cannot be written in the form that was asked for.",
        type: "string",
      },
      {
        const: "labels_mismatch",
        description: "The number of labels does not fit the number of classes; both are named.",
        type: "string",
      },
      {
        const: "labels_invalid",
        description: "The label file cannot be read as labels.",
        type: "string",
      },
      {
        const: "url_forbidden",
        description: "The address is not allowed.",
        type: "string",
      },
      {
        const: "url_unreachable",
        description: "The address did not answer with an image in time.",
        type: "string",
      },
      {
        const: "rate_limited",
        description: "Too many requests from this client.",
        type: "string",
      },
      {
        const: "overloaded",
        description: "The service is full; try again later.",
        type: "string",
      },
      {
        const: "storage_full",
        description: "There is no room on the disk for another registered model.",
        type: "string",
      },
      {
        const: "engine_failed",
        description: "The engine failed while it worked on this request.",
        type: "string",
      },
      {
        const: "engine_unavailable",
        description: "The engine cannot be started.",
        type: "string",
      },
      {
        const: "engine_timeout",
        description: "The engine did not answer within its deadline.",
        type: "string",
      },
      {
        const: "internal",
        description: "A bug in the service.",
        type: "string",
      },
    ],
  },
  Evidence: {
    description: "Where one field of a spec comes from.",
    properties: {
      alternatives: {
        default: [],
        description: "The values not taken, best first.",
        items: {
          $ref: "#/components/schemas/Alternative",
        },
        type: "array",
      },
      because: {
        description: "Why, in words and numbers.",
        type: "string",
      },
      confidence: {
        description: "Probability that the value is right, 0–1.",
        format: "float",
        type: "number",
      },
      field: {
        description: "Path of the field, such as `input.mean`.",
        type: "string",
      },
      source: {
        $ref: "#/components/schemas/Source",
        description: "How it was found.",
      },
      value: {
        description: "The value taken.",
      },
    },
    required: ["field", "value", "source", "because", "confidence", "alternatives"],
    type: "object",
  },
  ExplainMethod: {
    description:
      "How a map is made. Both hide parts of the photo from the model and watch the probability of one class.",
    oneOf: [
      {
        const: "occlusion",
        description:
          'A window moves over the photo (Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", 2014,\narXiv:1311.2901, section 4.2).',
        type: "string",
      },
      {
        const: "rise",
        description:
          'Random masks (Petsiuk, Das & Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", 2018,\narXiv:1806.07421).',
        type: "string",
      },
    ],
  },
  Explanation: {
    description: "What an answer hangs on, as a map.",
    properties: {
      class: {
        $ref: "#/components/schemas/TopEntry",
        description: "The class that is explained, with its probability for the whole photo.",
      },
      grid: {
        description:
          "Rows of the map from the top, each from the left: by how much the probability of the class is higher while this cell\nis seen than while it is hidden, -1 to 1. Below 0 the cell speaks against the class.",
        items: {
          items: {
            format: "float",
            type: "number",
          },
          type: "array",
        },
        type: "array",
      },
      method: {
        $ref: "#/components/schemas/ExplainMethod",
        description: "How the map was made.",
      },
      picture: {
        description: "The photo as the model saw it with the map over it, as a PNG data URL, when asked for.",
        type: ["string", "null"],
      },
      region: {
        $ref: "#/components/schemas/MapRegion",
        description:
          "The part of the upright photo that the map covers, in pixels; it reaches out of it where the photo is padded.",
      },
      runs: {
        description: "Photos that the model was given: the whole one, and one for each mask.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
    },
    required: ["class", "method", "runs", "grid", "region"],
    type: "object",
  },
  FeaturesTensor: {
    additionalProperties: false,
    description: "A named feature vector.",
    properties: {
      size: {
        description: "Values for each image.",
        format: "uint32",
        minimum: 1,
        type: "integer",
      },
      tensor: {
        description: "Name of the tensor.",
        type: "string",
      },
    },
    required: ["tensor", "size"],
    type: "object",
  },
  Finding: {
    description: "One thing that a model's folder has wrong or unsure.",
    properties: {
      field: {
        description: "Path of a field of the manifest, or name of a file.",
        type: "string",
      },
      mend: {
        description: "What to do.",
        type: "string",
      },
      problem: {
        description: "What is so.",
        type: "string",
      },
      severity: {
        $ref: "#/components/schemas/Severity",
        description: "Whether the model is refused for it.",
      },
    },
    required: ["severity", "field", "problem", "mend"],
    type: "object",
  },
  ForbiddenOp: {
    description: "An op outside the allow-list.",
    properties: {
      node: {
        description: "The node that uses it.",
        type: "string",
      },
      op: {
        description: "The op.",
        type: "string",
      },
      reason: {
        description: "Why it is forbidden.",
        type: "string",
      },
    },
    required: ["op", "node", "reason"],
    type: "object",
  },
  GraphFacts: {
    description: "The graph in numbers.",
    properties: {
      bytes: {
        description: "Size of the file.",
        format: "uint64",
        minimum: 0,
        type: "integer",
      },
      memory_bytes_estimate: {
        description: "Estimate of the memory that one run holds: weights and the largest pair of activations.",
        format: "uint64",
        minimum: 0,
        type: "integer",
      },
      multiply_adds: {
        description: "Multiply-adds for one image.",
        format: "uint64",
        minimum: 0,
        type: "integer",
      },
      nodes: {
        description: "Nodes in the file.",
        format: "uint64",
        minimum: 0,
        type: "integer",
      },
      ops: {
        additionalProperties: {
          format: "uint32",
          minimum: 0,
          type: "integer",
        },
        description: "Histogram of the ops between input and output.",
        type: "object",
      },
      parameters: {
        description: "Trained numbers between input and output.",
        format: "uint64",
        minimum: 0,
        type: "integer",
      },
      sha256: {
        description: "SHA-256 of the file as it came, in lower-case hex.",
        type: "string",
      },
    },
    required: ["sha256", "bytes", "nodes", "parameters", "multiply_adds", "memory_bytes_estimate", "ops"],
    type: "object",
  },
  GraphFile: {
    additionalProperties: false,
    description: "The graph file of a manifest.",
    properties: {
      bytes: {
        description: "Size, where known.",
        format: "uint64",
        maximum: 4294967295,
        minimum: 0,
        type: ["integer", "null"],
      },
      file: {
        description: "File name in the model's folder.",
        pattern: "^[A-Za-z0-9_][A-Za-z0-9._-]*$",
        type: "string",
      },
      sha256: {
        description: "SHA-256 in lower-case hex, where known.",
        pattern: "^[0-9a-f]{64}$",
        type: ["string", "null"],
      },
    },
    required: ["file", "bytes", "sha256"],
    type: "object",
  },
  GraphSource: {
    additionalProperties: false,
    description: "Where a graph and its labels are fetched from: gzipped tar archives.",
    properties: {
      labels_member: {
        description: "Name of the labels inside it; without it the labels have to be put into the folder by hand.",
        minLength: 1,
        type: ["string", "null"],
      },
      labels_url: {
        description: "Address of the archive with the labels, where it is another one.",
        pattern: "^https?://[\\p{L}\\p{N}\\[][^\\s\\p{Cc}]*$",
        type: ["string", "null"],
      },
      member: {
        description: "Name of the graph inside it.",
        minLength: 1,
        type: "string",
      },
      url: {
        description: "Address of the archive with the graph.",
        pattern: "^https?://[\\p{L}\\p{N}\\[][^\\s\\p{Cc}]*$",
        type: "string",
      },
    },
    required: ["url", "member"],
    type: "object",
  },
  Grounds: {
    description: "What the settings rest on that decide what a graph sees: mean, std and channel order.",
    properties: {
      by: {
        $ref: "#/components/schemas/Source",
        description: "How the least sure of them was found.",
      },
      certain: {
        description: "Whether each of them is right with a probability of at least [`CERTAIN_MIN`].",
        type: "boolean",
      },
    },
    required: ["certain", "by"],
    type: "object",
  },
  HiddenTried: {
    additionalProperties: false,
    description: "Mean log losses of photos that heads were not fitted to, each class weighed alike.",
    properties: {
      error: {
        description: "Standard error of their difference: the layer is taken where it is better by more.",
        format: "double",
        type: "number",
      },
      with: {
        description: "With a hidden layer.",
        format: "double",
        type: "number",
      },
      without: {
        description: "Without one.",
        format: "double",
        type: "number",
      },
    },
    required: ["with", "without", "error"],
    type: "object",
  },
  ImageFacts: {
    description: "An image as it came: upright size and format.",
    properties: {
      format: {
        description:
          "`jpeg`, `png`, `webp`, `gif` or `bmp`; `pixels` or `tensor` where that came in place of an image.",
        type: "string",
      },
      height: {
        description: "Pixels down, after EXIF orientation.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      width: {
        description: "Pixels across, after EXIF orientation.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
    },
    required: ["width", "height", "format"],
    type: "object",
  },
  InputFacts: {
    description: "The pixels that went to the model.",
    properties: {
      height: {
        description: "Pixels down.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      picture: {
        description: "The pixels as a PNG data URL, when asked for.",
        type: ["string", "null"],
      },
      sha256: {
        description:
          "SHA-256 of the u8 pixels, rows of interleaved channels (RGB, or one grey), in lower-case hex. Of a `float32` tensor that\na client made, of its bytes.",
        type: "string",
      },
      width: {
        description: "Pixels across.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
    },
    required: ["width", "height", "sha256"],
    type: "object",
  },
  InputSpec: {
    description: "The tensor is `(pixel - mean) / std` on 0–255 pixels, per channel in `channel_order`.",
    properties: {
      batch: {
        description:
          "The batch that the graph is fixed at; absent when any batch is accepted. Missing images are filled up.",
        format: "uint32",
        minimum: 0,
        type: ["integer", "null"],
      },
      channel_order: {
        $ref: "#/components/schemas/ChannelOrder",
        description: "Order of the channels in the tensor.",
      },
      channels: {
        description: "1 (grey) or 3.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      crop_fraction: {
        default: 1.0,
        description:
          "Share of each side of the largest centred rectangle that `center-crop` keeps, [`CROP_FRACTION_MIN`] to 1.",
        format: "float",
        type: "number",
      },
      dtype: {
        $ref: "#/components/schemas/Dtype",
        description: "Element type of the fed tensor.",
      },
      height: {
        description: "Pixels down.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      layout: {
        $ref: "#/components/schemas/Layout",
        description: "Order of its axes.",
      },
      mean: {
        description: "Subtracted from each channel, on the 0–255 scale; `channels` values.",
        items: {
          format: "float",
          type: "number",
        },
        type: "array",
      },
      resize: {
        $ref: "#/components/schemas/Resize",
        description: "How a photo is fitted to `width` x `height`.",
      },
      resize_filter: {
        $ref: "#/components/schemas/ResizeFilter",
        default: "antialias",
        description: "How pixels are averaged on the way.",
      },
      std: {
        description: "Divides each channel, on the 0–255 scale; `channels` values, none zero.",
        items: {
          format: "float",
          type: "number",
        },
        type: "array",
      },
      tensor: {
        description: "Name of the fed tensor, without `:0`.",
        type: "string",
      },
      width: {
        description: "Pixels across.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
    },
    required: [
      "tensor",
      "dtype",
      "layout",
      "width",
      "height",
      "channels",
      "channel_order",
      "mean",
      "std",
      "resize",
      "crop_fraction",
      "resize_filter",
    ],
    type: "object",
  },
  LabelsFile: {
    additionalProperties: false,
    description: "The label file of a manifest.",
    properties: {
      file: {
        description: "File name in the model's folder.",
        pattern: "^[A-Za-z0-9_][A-Za-z0-9._-]*$",
        type: "string",
      },
      offset: {
        description: "The label of class `i` is entry `i - offset`; absent where that is detected.",
        format: "int32",
        maximum: 100,
        minimum: -100,
        type: ["integer", "null"],
      },
      sha256: {
        description: "SHA-256 in lower-case hex, where known.",
        pattern: "^[0-9a-f]{64}$",
        type: ["string", "null"],
      },
    },
    required: ["file", "sha256"],
    type: "object",
  },
  LabelsSpec: {
    description: "How a label file fits the classes.",
    properties: {
      count: {
        description: "Labels in the file.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      format: {
        description: "The form of the file, such as `plain`, `index:label`, `json-array`, `csv`.",
        type: "string",
      },
      offset: {
        description:
          "Label of class `i` is entry `i - offset` of the file: 1 when the graph has a background class that the file lacks, -1 when the file has one that the graph lacks.",
        format: "int32",
        type: "integer",
      },
    },
    required: ["count", "offset", "format"],
    type: "object",
  },
  Layout: {
    description: "Order of the axes of the image input.",
    oneOf: [
      {
        const: "NHWC",
        description: "Batch, rows, columns, channels.",
        type: "string",
      },
      {
        const: "NCHW",
        description: "Batch, channels, rows, columns.",
        type: "string",
      },
      {
        const: "NHW",
        description: "Batch, rows, columns; grey without a channel axis.",
        type: "string",
      },
      {
        const: "FLAT",
        description: "Batch, then all values of NHWC in one axis.",
        type: "string",
      },
    ],
  },
  Manifest: {
    additionalProperties: false,
    description: "A model of the zoo.",
    properties: {
      $schema: {
        description: "Where its JSON Schema lies, for editors.",
        type: ["string", "null"],
      },
      accuracy: {
        anyOf: [
          {
            $ref: "#/components/schemas/Accuracy",
          },
          {
            type: "null",
          },
        ],
        description: "Measured accuracy.",
      },
      bands: {
        anyOf: [
          {
            $ref: "#/components/schemas/BandLimits",
          },
          {
            type: "null",
          },
        ],
        description: "Where bands begin; absent where they begin at 0.2, 0.5 and 0.75.",
      },
      calibration: {
        anyOf: [
          {
            $ref: "#/components/schemas/Calibration",
          },
          {
            type: "null",
          },
        ],
        description: "What its confidence is worth, as `menagerie calibrate` measured it.",
      },
      default: {
        default: false,
        description: "Whether requests that name no model get this one.",
        type: "boolean",
      },
      description: {
        description: "What it tells apart.",
        type: "string",
      },
      engine: {
        anyOf: [
          {
            $ref: "#/components/schemas/Program",
          },
          {
            type: "null",
          },
        ],
        description:
          "The program that runs the model in place of libtensorflow. Of the operator's zoo alone: clients name none.",
      },
      evidence: {
        description:
          "How settings of `input` were found that nobody stated, such as those that labelled photos decided.",
        items: {
          $ref: "#/components/schemas/Evidence",
        },
        type: ["array", "null"],
      },
      features: {
        anyOf: [
          {
            $ref: "#/components/schemas/FeaturesTensor",
          },
          {
            type: "null",
          },
        ],
        description: "The pooled vector before the class layer, where the graph names one.",
      },
      graph: {
        $ref: "#/components/schemas/GraphFile",
        description:
          "The graph file. A manifest with `engine` may leave it out: the program's own file stands here then.",
      },
      id: {
        description: "Folder name: lower-case letters, digits, `.`, `_` and `-`.",
        pattern: "^[a-z0-9][a-z0-9._-]*$",
        type: "string",
      },
      input: {
        $ref: "#/components/schemas/ManifestInput",
        description: "How pixels become the tensor.",
      },
      labels: {
        anyOf: [
          {
            $ref: "#/components/schemas/LabelsFile",
          },
          {
            type: "null",
          },
        ],
        description: "The label file; absent where the classes are numbered.",
      },
      licence: {
        description: "SPDX identifier of the weights' licence.",
        minLength: 1,
        type: "string",
      },
      output: {
        $ref: "#/components/schemas/ManifestOutput",
        description: "What the scores are.",
      },
      schema: {
        const: 1,
        description: "Always [`MANIFEST_SCHEMA`].",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      source: {
        anyOf: [
          {
            $ref: "#/components/schemas/GraphSource",
          },
          {
            type: "null",
          },
        ],
        description: "Where the graph is fetched from when it is not in the folder.",
      },
      title: {
        description: "One line for people.",
        minLength: 1,
        type: "string",
      },
      version: {
        description: "Version, free text without `/` and `@`.",
        pattern: "^[^/@]+$",
        type: "string",
      },
    },
    required: ["schema", "id", "version", "title", "description", "licence", "default", "graph", "input", "output"],
    type: "object",
  },
  ManifestInput: {
    additionalProperties: false,
    description: "The input as the model's author states it; absent fields are detected.",
    properties: {
      channel_order: {
        anyOf: [
          {
            $ref: "#/components/schemas/ChannelOrder",
          },
          {
            type: "null",
          },
        ],
        description: "Order of the channels.",
      },
      channels: {
        description: "1 or 3.",
        enum: [1, 3],
        format: "uint32",
        minimum: 0,
        type: ["integer", "null"],
      },
      crop_fraction: {
        description: "Share of each side that `center-crop` keeps.",
        format: "float",
        maximum: 1,
        minimum: 0.1,
        type: ["number", "null"],
      },
      dtype: {
        anyOf: [
          {
            $ref: "#/components/schemas/Dtype",
          },
          {
            type: "null",
          },
        ],
        description: "Element type.",
      },
      height: {
        description: "Pixels down.",
        format: "uint32",
        maximum: 4096,
        minimum: 1,
        type: ["integer", "null"],
      },
      layout: {
        anyOf: [
          {
            $ref: "#/components/schemas/Layout",
          },
          {
            type: "null",
          },
        ],
        description: "Order of the axes.",
      },
      mean: {
        description: "Subtracted from 0–255 pixels.",
        items: {
          format: "float",
          type: "number",
        },
        maxItems: 3,
        minItems: 1,
        type: ["array", "null"],
      },
      resize: {
        anyOf: [
          {
            $ref: "#/components/schemas/Resize",
          },
          {
            type: "null",
          },
        ],
        description: "How photos are fitted.",
      },
      resize_filter: {
        anyOf: [
          {
            $ref: "#/components/schemas/ResizeFilter",
          },
          {
            type: "null",
          },
        ],
        description: "How pixels are averaged.",
      },
      std: {
        description: "Divides 0–255 pixels.",
        items: {
          not: {
            const: 0,
          },
          type: "number",
        },
        maxItems: 3,
        minItems: 1,
        type: ["array", "null"],
      },
      tensor: {
        description: "Name of the image input.",
        type: ["string", "null"],
      },
      width: {
        description: "Pixels across.",
        format: "uint32",
        maximum: 4096,
        minimum: 1,
        type: ["integer", "null"],
      },
    },
    type: "object",
  },
  ManifestOutput: {
    additionalProperties: false,
    description: "The output as the model's author states it; absent fields are detected.",
    properties: {
      classes: {
        description: "Number of classes.",
        format: "uint32",
        minimum: 1,
        type: ["integer", "null"],
      },
      kind: {
        anyOf: [
          {
            $ref: "#/components/schemas/OutputKind",
          },
          {
            type: "null",
          },
        ],
        description: "What the scores are.",
      },
      tensor: {
        description: "Name of the class output.",
        type: ["string", "null"],
      },
    },
    type: "object",
  },
  MapRegion: {
    description: "A rectangle in pixels of the upright photo; edges may lie between pixels.",
    properties: {
      height: {
        description: "Pixels down.",
        format: "double",
        type: "number",
      },
      width: {
        description: "Pixels across.",
        format: "double",
        type: "number",
      },
      x: {
        description: "Left edge.",
        format: "double",
        type: "number",
      },
      y: {
        description: "Top edge.",
        format: "double",
        type: "number",
      },
    },
    required: ["x", "y", "width", "height"],
    type: "object",
  },
  MeasuredBand: {
    additionalProperties: false,
    description: "What a band meant.",
    properties: {
      above: {
        description: "Where it began then; what was measured holds while it begins there.",
        format: "float",
        maximum: 1,
        minimum: 0,
        type: "number",
      },
      band: {
        $ref: "#/components/schemas/Band",
        description: "The band.",
      },
      n: {
        description: "Answers of it.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      right: {
        description: "Answers of it that were right.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
    },
    required: ["band", "above", "right", "n"],
    type: "object",
  },
  MeasuredClass: {
    additionalProperties: false,
    description: "A class as it was met.",
    properties: {
      answered: {
        description: "Photos of any class that were answered with it.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      label: {
        description: "Its label.",
        type: "string",
      },
      n: {
        description: "Photos of it.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      right: {
        description: "Of them, those that were answered with it.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
    },
    required: ["label", "n", "right", "answered"],
    type: "object",
  },
  ModelSpec: {
    description: "Everything known of a loaded model. `GET /api/models/{id}` answers this object.",
    properties: {
      evidence: {
        description: "Where each detected field comes from.",
        items: {
          $ref: "#/components/schemas/Evidence",
        },
        type: "array",
      },
      graph: {
        $ref: "#/components/schemas/GraphFacts",
        description: "The graph in numbers.",
      },
      input: {
        $ref: "#/components/schemas/InputSpec",
        description: "The image input.",
      },
      labels: {
        anyOf: [
          {
            $ref: "#/components/schemas/LabelsSpec",
          },
          {
            type: "null",
          },
        ],
        description: "How the labels fit the classes; absent while no labels are known.",
      },
      output: {
        $ref: "#/components/schemas/OutputSpec",
        description: "The class output.",
      },
      scalings: {
        description:
          "Ways of scaling pixels that the graph leaves possible, the most probable first; labelled photos decide between them.",
        items: {
          $ref: "#/components/schemas/Scaling",
        },
        type: "array",
      },
      settings: {
        anyOf: [
          {
            $ref: "#/components/schemas/Grounds",
          },
          {
            type: "null",
          },
        ],
        description: "What mean, std and channel order rest on; absent as an engine answers it.",
      },
      verdict: {
        $ref: "#/components/schemas/Verdict",
        description: "What the allow-list of ops says.",
      },
      warnings: {
        default: [],
        description: "Things the caller should know, such as an assumed size.",
        items: {
          type: "string",
        },
        type: "array",
      },
    },
    required: ["input", "output", "graph", "evidence", "verdict", "warnings"],
    type: "object",
  },
  OutputKind: {
    description: "What the scores of a model are.",
    oneOf: [
      {
        const: "softmax",
        description: "Probabilities that sum to 1.",
        type: "string",
      },
      {
        const: "logits",
        description:
          "Unbounded scores; the softmax is ours. One alone is the logit of the second of two labels; the sigmoid is ours.",
        type: "string",
      },
      {
        const: "sigmoid",
        description: "Independent probabilities, or one for the second of two labels.",
        type: "string",
      },
      {
        const: "index",
        description: "The class number only.",
        type: "string",
      },
    ],
  },
  OutputSpec: {
    description: "The class output.",
    properties: {
      classes: {
        description: "Number of values for each image.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      heads: {
        default: [],
        description: "Other class outputs of the same graph, by tensor name.",
        items: {
          type: "string",
        },
        type: "array",
      },
      kind: {
        $ref: "#/components/schemas/OutputKind",
        description: "What its values are.",
      },
      tensor: {
        description: "Name of the fetched tensor, without `:0`.",
        type: "string",
      },
    },
    required: ["tensor", "kind", "classes", "heads"],
    type: "object",
  },
  Program: {
    additionalProperties: false,
    description: "A program that serves a model.",
    properties: {
      arguments: {
        description:
          "What it is started with, at most 64 texts; in the one-shot form what stands before the form's own arguments.",
        items: {
          type: "string",
        },
        maxItems: 64,
        type: ["array", "null"],
      },
      program: {
        description: "Executable file in the model's folder.",
        pattern: "^[A-Za-z0-9_][A-Za-z0-9._-]*$",
        type: "string",
      },
      protocol: {
        anyOf: [
          {
            $ref: "#/components/schemas/ProgramProtocol",
          },
          {
            type: "null",
          },
        ],
        description: "How it is spoken to; `frames` where it is absent.",
      },
    },
    required: ["program"],
    type: "object",
  },
  ProgramProtocol: {
    description: "How a program is spoken to.",
    oneOf: [
      {
        const: "frames",
        description: "The frames of [`crate::frame`], on stdin and stdout of a process that stays.",
        type: "string",
      },
      {
        const: "once",
        description:
          "A process for each image. Arguments: length of the model, input tensor, output tensor, width, height; stdin: the\nmodel's bytes, then those of the pixels; stdout: the scores as a JSON array.",
        type: "string",
      },
    ],
  },
  ReliabilityBin: {
    additionalProperties: false,
    description: "One row of a reliability table.",
    properties: {
      above: {
        description: "Best probabilities above this, and at most 0.1 more, 0–1.",
        format: "double",
        maximum: 1,
        minimum: 0,
        type: "number",
      },
      n: {
        description: "Answers.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      probability: {
        description: "Their mean, 0–1.",
        format: "double",
        maximum: 1,
        minimum: 0,
        type: "number",
      },
      right: {
        description: "Answers that were right.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
    },
    required: ["above", "probability", "right", "n"],
    type: "object",
  },
  Resize: {
    description: "How a photo is fitted to the model's size.",
    oneOf: [
      {
        const: "stretch",
        description: "The whole photo, each axis scaled on its own.",
        type: "string",
      },
      {
        const: "center-crop",
        description: "The largest centred rectangle of the model's aspect ratio.",
        type: "string",
      },
      {
        const: "pad",
        description: "The whole photo, aspect kept, centred on mid grey (128).",
        type: "string",
      },
    ],
  },
  ResizeFilter: {
    description: "How the pixels of a photo become fewer or more.",
    oneOf: [
      {
        const: "antialias",
        description:
          "The triangle filter, widened when shrinking so that every pixel counts: Pillow's `BILINEAR`, TensorFlow's `antialias=True`.",
        type: "string",
      },
      {
        const: "bilinear",
        description:
          "Four neighbours each, whatever the scale: `tf.image.resize` as it is by default, `INTER_LINEAR` of `OpenCV`.",
        type: "string",
      },
      {
        const: "nearest",
        description: "The nearest pixel: Pillow's `NEAREST`, the default of Keras' `load_img`.",
        type: "string",
      },
    ],
  },
  Runtime: {
    description: "The library that runs the graphs.",
    properties: {
      name: {
        description: "Its name, such as [`LIBTENSORFLOW`] or [`ONNXRUNTIME`].",
        type: "string",
      },
      version: {
        description: "Its version, as it says itself.",
        type: "string",
      },
    },
    required: ["name", "version"],
    type: "object",
  },
  Sandbox: {
    description: "What confines an engine process.",
    properties: {
      held: {
        description: "Measures that hold, such as `seccomp`.",
        items: {
          type: "string",
        },
        type: "array",
      },
      missing: {
        description: "Measures that this system does not offer, each with the reason.",
        items: {
          type: "string",
        },
        type: "array",
      },
    },
    required: ["held", "missing"],
    type: "object",
  },
  Scaling: {
    description: "One way to make the tensor's values of pixels, as [`InputSpec`] has them.",
    properties: {
      channel_order: {
        $ref: "#/components/schemas/ChannelOrder",
        description: "Order of the channels.",
      },
      mean: {
        description: "Subtracted from each channel; one value for each.",
        items: {
          format: "float",
          type: "number",
        },
        type: "array",
      },
      probability: {
        description: "How probable the graph makes it, 0–1.",
        format: "float",
        type: "number",
      },
      std: {
        description: "Divides each channel; one value for each.",
        items: {
          format: "float",
          type: "number",
        },
        type: "array",
      },
    },
    required: ["mean", "std", "channel_order", "probability"],
    type: "object",
  },
  Severity: {
    description: "How much a finding matters.",
    oneOf: [
      {
        const: "error",
        description: "The model is refused.",
        type: "string",
      },
      {
        const: "warning",
        description: "A person looks at it.",
        type: "string",
      },
    ],
  },
  Source: {
    description: "How a field was found; the weakest first.",
    oneOf: [
      {
        const: "prior",
        description: "Assumed, because most such graphs are so.",
        type: "string",
      },
      {
        const: "measured",
        description: "Follows from a measurement on the graph.",
        type: "string",
      },
      {
        const: "examples",
        description: "Follows from photos that came with the graph, of which most have labels.",
        type: "string",
      },
      {
        const: "read",
        description: "Stands in the graph.",
        type: "string",
      },
      {
        const: "manifest",
        description: "The model's manifest says so.",
        type: "string",
      },
      {
        const: "request",
        description: "The request says so.",
        type: "string",
      },
    ],
  },
  TeachReport: {
    additionalProperties: false,
    description: "How a head was trained, and what it answered for the photos that were set aside.",
    properties: {
      curve: {
        description: "What right answers of `held_out` were with fewer photos, and with all; the fewest first.",
        items: {
          $ref: "#/components/schemas/CurvePoint",
        },
        type: "array",
      },
      folds: {
        description: "Parts that the trained photos were dealt into to choose it; 0 where there were too few.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      held_out: {
        description: "Photos that were set aside.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      hidden: {
        default: 0,
        description: "Values of the layer between the features and the class layer; 0 where there is none.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      hidden_tried: {
        anyOf: [
          {
            $ref: "#/components/schemas/HiddenTried",
          },
          {
            type: "null",
          },
        ],
        description: "What cross-validation said of such a layer. Absent where there are too few photos.",
      },
      l2: {
        description: "Strength of the penalty on squared weights.",
        format: "double",
        type: "number",
      },
      right: {
        description: "Those of them that it is right for.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      trained: {
        description: "Photos that it was trained on.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      with_twice: {
        description:
          "The share of right answers that twice the photos would give, if errors went on shrinking as they did: 0–1. Absent\nwhere they did not shrink.",
        format: "double",
        type: ["number", "null"],
      },
      wrong: {
        description: "Photos that were set aside and answered wrong, the surest answer first.",
        items: {
          $ref: "#/components/schemas/WrongPhoto",
        },
        type: "array",
      },
    },
    required: ["trained", "held_out", "right", "l2", "folds", "hidden", "curve", "wrong"],
    type: "object",
  },
  Timings: {
    description: "Milliseconds.",
    properties: {
      decode: {
        description: "Bytes to upright RGB photo.",
        format: "float",
        type: "number",
      },
      queue: {
        description: "Waiting in the engine.",
        format: "float",
        type: "number",
      },
      resize: {
        description: "Photo to pixels.",
        format: "float",
        type: "number",
      },
      run: {
        description: "The session run.",
        format: "float",
        type: "number",
      },
      total: {
        description: "From bytes to answer.",
        format: "float",
        type: "number",
      },
    },
    required: ["decode", "resize", "queue", "run", "total"],
    type: "object",
  },
  TopEntry: {
    description: "One class of an answer.",
    properties: {
      index: {
        description: "The class, 0-based.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      label: {
        description: "The label.",
        type: "string",
      },
      probability: {
        description: "The probability.",
        format: "float",
        type: "number",
      },
    },
    required: ["label", "index", "probability"],
    type: "object",
  },
  Verdict: {
    description: "What the allow-list of ops says.",
    properties: {
      allowed: {
        description: "Whether every op between input and output is allowed.",
        type: "boolean",
      },
      forbidden: {
        description: "The ops that are not.",
        items: {
          $ref: "#/components/schemas/ForbiddenOp",
        },
        type: "array",
      },
    },
    required: ["allowed", "forbidden"],
    type: "object",
  },
  WrongPhoto: {
    additionalProperties: false,
    description: "A photo that is answered with another class than its own.",
    properties: {
      answered: {
        description: "The class that it is answered with.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      photo: {
        description: "Its place.",
        format: "uint32",
        minimum: 0,
        type: "integer",
      },
      probability: {
        description: "How sure that is, before any temperature: 0–1.",
        format: "double",
        type: "number",
      },
    },
    required: ["photo", "answered", "probability"],
    type: "object",
  },
};

/** JSON Schema of `manifest.json`, which `$schema` names. */
export const MANIFEST_JSON_SCHEMA: object = {
  $defs: {
    Accuracy: {
      additionalProperties: false,
      description: "A measured accuracy.",
      properties: {
        data: {
          description: "Data set.",
          type: "string",
        },
        photos: {
          description: "Photos measured.",
          format: "uint32",
          minimum: 1,
          type: "integer",
        },
        split: {
          description: "Split, such as `test`.",
          type: "string",
        },
        top1: {
          description: "Share of photos whose best answer is right, 0–1.",
          format: "double",
          maximum: 1,
          minimum: 0,
          type: "number",
        },
      },
      required: ["top1", "photos", "split", "data"],
      type: "object",
    },
    Alternative: {
      description: "A value that was considered and not taken.",
      properties: {
        score: {
          description: "Its score in the measure that `because` names.",
          format: "float",
          type: "number",
        },
        value: {
          description: "The value.",
        },
      },
      required: ["value", "score"],
      type: "object",
    },
    Band: {
      description: "A probability in words. Where each begins is said by [`crate::calibration::BandLimits`].",
      oneOf: [
        {
          const: "low",
          description: "As long as a model states no other limits: at most 0.2.",
          type: "string",
        },
        {
          const: "medium",
          description: "Above 0.2.",
          type: "string",
        },
        {
          const: "high",
          description: "Above 0.5.",
          type: "string",
        },
        {
          const: "very high",
          description: "Above 0.75.",
          type: "string",
        },
      ],
    },
    BandLimits: {
      additionalProperties: false,
      description: "The probabilities above which bands begin, 0–1, each above the one before.",
      properties: {
        high: {
          description: "Where `high` begins.",
          format: "float",
          maximum: 1,
          minimum: 0,
          type: "number",
        },
        medium: {
          description: "Where `medium` begins.",
          format: "float",
          maximum: 1,
          minimum: 0,
          type: "number",
        },
        very_high: {
          description: "Where `very high` begins.",
          format: "float",
          maximum: 1,
          minimum: 0,
          type: "number",
        },
      },
      required: ["medium", "high", "very_high"],
      type: "object",
    },
    Calibration: {
      additionalProperties: false,
      description: "A model's confidence as it was measured on photos whose labels are known.",
      properties: {
        bands: {
          description: "What each band meant; those without an answer too.",
          items: {
            $ref: "#/$defs/MeasuredBand",
          },
          type: "array",
        },
        calibration_error: {
          $ref: "#/$defs/CalibrationError",
          description:
            "Expected calibration error: how far the mean best probability of each row of `reliability` is from the share that was\nright, on average over the photos; before and after the temperature.",
        },
        classes: {
          description: "Every class that a photo shows or that was answered.",
          items: {
            $ref: "#/$defs/MeasuredClass",
          },
          type: "array",
        },
        confusions: {
          description: "The most frequent wrong answers, the worst first.",
          items: {
            $ref: "#/$defs/Confusion",
          },
          type: "array",
        },
        data: {
          description: "The photos, such as `flowers5/test`.",
          type: "string",
        },
        date: {
          description: "The day of the measurement, `YYYY-MM-DD`.",
          pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
          type: "string",
        },
        folds: {
          description:
            "Parts into which the photos were dealt. Whatever is said below of probabilities is said of those that a temperature\ngave that was fitted on the other parts.",
          format: "uint32",
          minimum: 2,
          type: "integer",
        },
        n: {
          description: "Photos measured.",
          format: "uint32",
          minimum: 1,
          type: "integer",
        },
        reliability: {
          description: "Answers by their best probability, in ten equal steps; those without an answer are left out.",
          items: {
            $ref: "#/$defs/ReliabilityBin",
          },
          type: "array",
        },
        temperature: {
          description:
            "What logits are divided by before their softmax, [`TEMPERATURE_MIN`] to [`TEMPERATURE_MAX`]; 1 changes nothing. The\none that minimises the log loss on all photos: Guo et al., On Calibration of Modern Neural Networks, 2017, 4.2.",
          format: "float",
          maximum: 10.0,
          minimum: 0.10000000149011612,
          type: "number",
        },
        top1: {
          description: "Share of photos whose best answer is right, 0–1.",
          format: "double",
          maximum: 1,
          minimum: 0,
          type: "number",
        },
        top5: {
          description: "Share of photos whose right answer is among the best five, 0–1.",
          format: "double",
          maximum: 1,
          minimum: 0,
          type: "number",
        },
        unsure_below: {
          description: "Answers of a band that was right less often than this share are `unsure`, 0–1.",
          format: "float",
          maximum: 1,
          minimum: 0,
          type: "number",
        },
      },
      required: [
        "data",
        "date",
        "n",
        "top1",
        "top5",
        "temperature",
        "folds",
        "calibration_error",
        "unsure_below",
        "bands",
        "reliability",
        "classes",
        "confusions",
      ],
      type: "object",
    },
    CalibrationError: {
      additionalProperties: false,
      description: "Expected calibration error, 0–1.",
      properties: {
        after: {
          description: "Of those that the temperature of the other folds gives.",
          format: "double",
          maximum: 1,
          minimum: 0,
          type: "number",
        },
        before: {
          description: "Of the probabilities as the graph gives them.",
          format: "double",
          maximum: 1,
          minimum: 0,
          type: "number",
        },
      },
      required: ["before", "after"],
      type: "object",
    },
    ChannelOrder: {
      description: "Order of the colour channels in the tensor.",
      oneOf: [
        {
          const: "RGB",
          description: "Red, green, blue.",
          type: "string",
        },
        {
          const: "BGR",
          description: "Blue, green, red.",
          type: "string",
        },
        {
          const: "GRAY",
          description: "Grey: one channel, or three that are equal.",
          type: "string",
        },
      ],
    },
    Confusion: {
      additionalProperties: false,
      description: "A wrong answer.",
      properties: {
        answered: {
          description: "What was answered.",
          type: "string",
        },
        label: {
          description: "What the photos show.",
          type: "string",
        },
        n: {
          description: "How many of them.",
          format: "uint32",
          minimum: 0,
          type: "integer",
        },
      },
      required: ["label", "answered", "n"],
      type: "object",
    },
    Dtype: {
      description: "Element types that an image input may have.",
      oneOf: [
        {
          const: "float32",
          description: "32-bit float.",
          type: "string",
        },
        {
          const: "uint8",
          description: "Bytes 0–255: fed as they are; `mean` is 0 and `std` 1.",
          type: "string",
        },
      ],
    },
    Evidence: {
      description: "Where one field of a spec comes from.",
      properties: {
        alternatives: {
          default: [],
          description: "The values not taken, best first.",
          items: {
            $ref: "#/$defs/Alternative",
          },
          type: "array",
        },
        because: {
          description: "Why, in words and numbers.",
          type: "string",
        },
        confidence: {
          description: "Probability that the value is right, 0–1.",
          format: "float",
          type: "number",
        },
        field: {
          description: "Path of the field, such as `input.mean`.",
          type: "string",
        },
        source: {
          $ref: "#/$defs/Source",
          description: "How it was found.",
        },
        value: {
          description: "The value taken.",
        },
      },
      required: ["field", "value", "source", "because", "confidence"],
      type: "object",
    },
    FeaturesTensor: {
      additionalProperties: false,
      description: "A named feature vector.",
      properties: {
        size: {
          description: "Values for each image.",
          format: "uint32",
          minimum: 1,
          type: "integer",
        },
        tensor: {
          description: "Name of the tensor.",
          type: "string",
        },
      },
      required: ["tensor", "size"],
      type: "object",
    },
    GraphFile: {
      additionalProperties: false,
      description: "The graph file of a manifest.",
      properties: {
        bytes: {
          description: "Size, where known.",
          format: "uint64",
          maximum: 4294967295,
          minimum: 0,
          type: ["integer", "null"],
        },
        file: {
          description: "File name in the model's folder.",
          pattern: "^[A-Za-z0-9_][A-Za-z0-9._-]*$",
          type: "string",
        },
        sha256: {
          description: "SHA-256 in lower-case hex, where known.",
          pattern: "^[0-9a-f]{64}$",
          type: ["string", "null"],
        },
      },
      required: ["file"],
      type: "object",
    },
    GraphSource: {
      additionalProperties: false,
      description: "Where a graph and its labels are fetched from: gzipped tar archives.",
      properties: {
        labels_member: {
          description: "Name of the labels inside it; without it the labels have to be put into the folder by hand.",
          minLength: 1,
          type: "string",
        },
        labels_url: {
          description: "Address of the archive with the labels, where it is another one.",
          pattern: "^https?://[\\p{L}\\p{N}\\[][^\\s\\p{Cc}]*$",
          type: "string",
        },
        member: {
          description: "Name of the graph inside it.",
          minLength: 1,
          type: "string",
        },
        url: {
          description: "Address of the archive with the graph.",
          pattern: "^https?://[\\p{L}\\p{N}\\[][^\\s\\p{Cc}]*$",
          type: "string",
        },
      },
      required: ["url", "member"],
      type: "object",
    },
    LabelsFile: {
      additionalProperties: false,
      description: "The label file of a manifest.",
      properties: {
        file: {
          description: "File name in the model's folder.",
          pattern: "^[A-Za-z0-9_][A-Za-z0-9._-]*$",
          type: "string",
        },
        offset: {
          description: "The label of class `i` is entry `i - offset`; absent where that is detected.",
          format: "int32",
          maximum: 100,
          minimum: -100,
          type: "integer",
        },
        sha256: {
          description: "SHA-256 in lower-case hex, where known.",
          pattern: "^[0-9a-f]{64}$",
          type: ["string", "null"],
        },
      },
      required: ["file"],
      type: "object",
    },
    Layout: {
      description: "Order of the axes of the image input.",
      oneOf: [
        {
          const: "NHWC",
          description: "Batch, rows, columns, channels.",
          type: "string",
        },
        {
          const: "NCHW",
          description: "Batch, channels, rows, columns.",
          type: "string",
        },
        {
          const: "NHW",
          description: "Batch, rows, columns; grey without a channel axis.",
          type: "string",
        },
        {
          const: "FLAT",
          description: "Batch, then all values of NHWC in one axis.",
          type: "string",
        },
      ],
    },
    ManifestInput: {
      additionalProperties: false,
      description: "The input as the model's author states it; absent fields are detected.",
      properties: {
        channel_order: {
          anyOf: [
            {
              $ref: "#/$defs/ChannelOrder",
            },
          ],
          description: "Order of the channels.",
        },
        channels: {
          description: "1 or 3.",
          enum: [1, 3],
          format: "uint32",
          minimum: 0,
          type: "integer",
        },
        crop_fraction: {
          description: "Share of each side that `center-crop` keeps.",
          format: "float",
          maximum: 1,
          minimum: 0.1,
          type: "number",
        },
        dtype: {
          anyOf: [
            {
              $ref: "#/$defs/Dtype",
            },
          ],
          description: "Element type.",
        },
        height: {
          description: "Pixels down.",
          format: "uint32",
          maximum: 4096,
          minimum: 1,
          type: "integer",
        },
        layout: {
          anyOf: [
            {
              $ref: "#/$defs/Layout",
            },
          ],
          description: "Order of the axes.",
        },
        mean: {
          description: "Subtracted from 0–255 pixels.",
          items: {
            format: "float",
            type: "number",
          },
          maxItems: 3,
          minItems: 1,
          type: "array",
        },
        resize: {
          anyOf: [
            {
              $ref: "#/$defs/Resize",
            },
          ],
          description: "How photos are fitted.",
        },
        resize_filter: {
          anyOf: [
            {
              $ref: "#/$defs/ResizeFilter",
            },
          ],
          description: "How pixels are averaged.",
        },
        std: {
          description: "Divides 0–255 pixels.",
          items: {
            not: {
              const: 0,
            },
            type: "number",
          },
          maxItems: 3,
          minItems: 1,
          type: "array",
        },
        tensor: {
          description: "Name of the image input.",
          type: "string",
        },
        width: {
          description: "Pixels across.",
          format: "uint32",
          maximum: 4096,
          minimum: 1,
          type: "integer",
        },
      },
      type: "object",
    },
    ManifestOutput: {
      additionalProperties: false,
      description: "The output as the model's author states it; absent fields are detected.",
      properties: {
        classes: {
          description: "Number of classes.",
          format: "uint32",
          minimum: 1,
          type: "integer",
        },
        kind: {
          anyOf: [
            {
              $ref: "#/$defs/OutputKind",
            },
          ],
          description: "What the scores are.",
        },
        tensor: {
          description: "Name of the class output.",
          type: "string",
        },
      },
      type: "object",
    },
    MeasuredBand: {
      additionalProperties: false,
      description: "What a band meant.",
      properties: {
        above: {
          description: "Where it began then; what was measured holds while it begins there.",
          format: "float",
          maximum: 1,
          minimum: 0,
          type: "number",
        },
        band: {
          $ref: "#/$defs/Band",
          description: "The band.",
        },
        n: {
          description: "Answers of it.",
          format: "uint32",
          minimum: 0,
          type: "integer",
        },
        right: {
          description: "Answers of it that were right.",
          format: "uint32",
          minimum: 0,
          type: "integer",
        },
      },
      required: ["band", "above", "right", "n"],
      type: "object",
    },
    MeasuredClass: {
      additionalProperties: false,
      description: "A class as it was met.",
      properties: {
        answered: {
          description: "Photos of any class that were answered with it.",
          format: "uint32",
          minimum: 0,
          type: "integer",
        },
        label: {
          description: "Its label.",
          type: "string",
        },
        n: {
          description: "Photos of it.",
          format: "uint32",
          minimum: 0,
          type: "integer",
        },
        right: {
          description: "Of them, those that were answered with it.",
          format: "uint32",
          minimum: 0,
          type: "integer",
        },
      },
      required: ["label", "n", "right", "answered"],
      type: "object",
    },
    OutputKind: {
      description: "What the scores of a model are.",
      oneOf: [
        {
          const: "softmax",
          description: "Probabilities that sum to 1.",
          type: "string",
        },
        {
          const: "logits",
          description:
            "Unbounded scores; the softmax is ours. One alone is the logit of the second of two labels; the sigmoid is ours.",
          type: "string",
        },
        {
          const: "sigmoid",
          description: "Independent probabilities, or one for the second of two labels.",
          type: "string",
        },
        {
          const: "index",
          description: "The class number only.",
          type: "string",
        },
      ],
    },
    Program: {
      additionalProperties: false,
      description: "A program that serves a model.",
      properties: {
        arguments: {
          description:
            "What it is started with, at most 64 texts; in the one-shot form what stands before the form's own arguments.",
          items: {
            type: "string",
          },
          maxItems: 64,
          type: "array",
        },
        program: {
          description: "Executable file in the model's folder.",
          pattern: "^[A-Za-z0-9_][A-Za-z0-9._-]*$",
          type: "string",
        },
        protocol: {
          anyOf: [
            {
              $ref: "#/$defs/ProgramProtocol",
            },
          ],
          description: "How it is spoken to; `frames` where it is absent.",
        },
      },
      required: ["program"],
      type: "object",
    },
    ProgramProtocol: {
      description: "How a program is spoken to.",
      oneOf: [
        {
          const: "frames",
          description: "The frames of [`crate::frame`], on stdin and stdout of a process that stays.",
          type: "string",
        },
        {
          const: "once",
          description:
            "A process for each image. Arguments: length of the model, input tensor, output tensor, width, height; stdin: the\nmodel's bytes, then those of the pixels; stdout: the scores as a JSON array.",
          type: "string",
        },
      ],
    },
    ReliabilityBin: {
      additionalProperties: false,
      description: "One row of a reliability table.",
      properties: {
        above: {
          description: "Best probabilities above this, and at most 0.1 more, 0–1.",
          format: "double",
          maximum: 1,
          minimum: 0,
          type: "number",
        },
        n: {
          description: "Answers.",
          format: "uint32",
          minimum: 0,
          type: "integer",
        },
        probability: {
          description: "Their mean, 0–1.",
          format: "double",
          maximum: 1,
          minimum: 0,
          type: "number",
        },
        right: {
          description: "Answers that were right.",
          format: "uint32",
          minimum: 0,
          type: "integer",
        },
      },
      required: ["above", "probability", "right", "n"],
      type: "object",
    },
    Resize: {
      description: "How a photo is fitted to the model's size.",
      oneOf: [
        {
          const: "stretch",
          description: "The whole photo, each axis scaled on its own.",
          type: "string",
        },
        {
          const: "center-crop",
          description: "The largest centred rectangle of the model's aspect ratio.",
          type: "string",
        },
        {
          const: "pad",
          description: "The whole photo, aspect kept, centred on mid grey (128).",
          type: "string",
        },
      ],
    },
    ResizeFilter: {
      description: "How the pixels of a photo become fewer or more.",
      oneOf: [
        {
          const: "antialias",
          description:
            "The triangle filter, widened when shrinking so that every pixel counts: Pillow's `BILINEAR`, TensorFlow's `antialias=True`.",
          type: "string",
        },
        {
          const: "bilinear",
          description:
            "Four neighbours each, whatever the scale: `tf.image.resize` as it is by default, `INTER_LINEAR` of `OpenCV`.",
          type: "string",
        },
        {
          const: "nearest",
          description: "The nearest pixel: Pillow's `NEAREST`, the default of Keras' `load_img`.",
          type: "string",
        },
      ],
    },
    Source: {
      description: "How a field was found; the weakest first.",
      oneOf: [
        {
          const: "prior",
          description: "Assumed, because most such graphs are so.",
          type: "string",
        },
        {
          const: "measured",
          description: "Follows from a measurement on the graph.",
          type: "string",
        },
        {
          const: "examples",
          description: "Follows from photos that came with the graph, of which most have labels.",
          type: "string",
        },
        {
          const: "read",
          description: "Stands in the graph.",
          type: "string",
        },
        {
          const: "manifest",
          description: "The model's manifest says so.",
          type: "string",
        },
        {
          const: "request",
          description: "The request says so.",
          type: "string",
        },
      ],
    },
  },
  $schema: "https://json-schema.org/draft/2020-12/schema",
  additionalProperties: false,
  anyOf: [
    {
      required: ["graph"],
    },
    {
      required: ["engine"],
    },
  ],
  description: "A model of the zoo.",
  properties: {
    $schema: {
      description: "Where its JSON Schema lies, for editors.",
      type: "string",
    },
    accuracy: {
      anyOf: [
        {
          $ref: "#/$defs/Accuracy",
        },
      ],
      description: "Measured accuracy.",
    },
    bands: {
      anyOf: [
        {
          $ref: "#/$defs/BandLimits",
        },
      ],
      description: "Where bands begin; absent where they begin at 0.2, 0.5 and 0.75.",
    },
    calibration: {
      anyOf: [
        {
          $ref: "#/$defs/Calibration",
        },
      ],
      description: "What its confidence is worth, as `menagerie calibrate` measured it.",
    },
    default: {
      default: false,
      description: "Whether requests that name no model get this one.",
      type: "boolean",
    },
    description: {
      description: "What it tells apart.",
      type: "string",
    },
    engine: {
      anyOf: [
        {
          $ref: "#/$defs/Program",
        },
      ],
      description:
        "The program that runs the model in place of libtensorflow. Of the operator's zoo alone: clients name none.",
    },
    evidence: {
      description: "How settings of `input` were found that nobody stated, such as those that labelled photos decided.",
      items: {
        $ref: "#/$defs/Evidence",
      },
      type: "array",
    },
    features: {
      anyOf: [
        {
          $ref: "#/$defs/FeaturesTensor",
        },
      ],
      description: "The pooled vector before the class layer, where the graph names one.",
    },
    graph: {
      $ref: "#/$defs/GraphFile",
      description:
        "The graph file. A manifest with `engine` may leave it out: the program's own file stands here then.",
    },
    id: {
      description: "Folder name: lower-case letters, digits, `.`, `_` and `-`.",
      pattern: "^[a-z0-9][a-z0-9._-]*$",
      type: "string",
    },
    input: {
      $ref: "#/$defs/ManifestInput",
      description: "How pixels become the tensor.",
    },
    labels: {
      anyOf: [
        {
          $ref: "#/$defs/LabelsFile",
        },
      ],
      description: "The label file; absent where the classes are numbered.",
    },
    licence: {
      description: "SPDX identifier of the weights' licence.",
      minLength: 1,
      type: "string",
    },
    output: {
      $ref: "#/$defs/ManifestOutput",
      description: "What the scores are.",
    },
    schema: {
      const: 1,
      description: "Always [`MANIFEST_SCHEMA`].",
      format: "uint32",
      minimum: 0,
      type: "integer",
    },
    source: {
      anyOf: [
        {
          $ref: "#/$defs/GraphSource",
        },
      ],
      description: "Where the graph is fetched from when it is not in the folder.",
    },
    title: {
      description: "One line for people.",
      minLength: 1,
      type: "string",
    },
    version: {
      description: "Version, free text without `/` and `@`.",
      pattern: "^[^/@]+$",
      type: "string",
    },
  },
  required: ["schema", "id", "version", "title", "description", "licence", "input", "output"],
  title: "Manifest",
  type: "object",
};
