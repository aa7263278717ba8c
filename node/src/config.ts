/**
 * The settings of the service: environment variables in, one frozen object out.
 *
 * Each setting is one line of the schema. Its environment variable is its name in upper snake case
 * (`imageBytesMax` is `IMAGE_BYTES_MAX`); limits carry their unit in their name.
 */
import { existsSync } from "node:fs";
import { isIP, isIPv4 } from "node:net";
import { availableParallelism, totalmem } from "node:os";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { DATA_DIR, ENGINE, findCachedRuntime, ROOT_DIR, WEB_DIR } from "./places.js";

export { ROOT_DIR };

const MIB = 1024 * 1024;
const DISK_BYTES_MAX = 2 ** 50;

/** Per window, where others than this machine may come: ten a second for a minute. */
const EXPOSED_REQUESTS_PER_WINDOW_MAX = 600;

const count = (fallback: number, min = 1, max = 1_000_000) =>
  z.coerce.number().int().min(min).max(max).default(fallback);
const bytes = (fallback: number, max = 2 ** 32) => z.coerce.number().int().min(1).max(max).default(fallback);
const milliseconds = (fallback: number) => z.coerce.number().int().min(1).max(3_600_000).default(fallback);

/** A share of this machine's memory, or of what a container may have of it. */
const ofMemory = (share: number, atLeast: number, atMost: number) => {
  const constrained = process.constrainedMemory();
  const memory = constrained > 0 ? Math.min(totalmem(), constrained) : totalmem();
  return Math.round(Math.min(atMost, Math.max(atLeast, share * memory)));
};

const SCHEMA = z.object({
  port: z.coerce.number().int().min(0).max(65535).default(8080).describe("Port to listen on; 0 takes a free one."),
  grpcPort: z.coerce
    .number()
    .int()
    .min(0)
    .max(65535)
    .optional()
    .describe("Port of gRPC, on HOST; 0 takes a free one; unset: none."),
  host: z.string().optional().describe("Address to listen on: 127.0.0.1, or 0.0.0.0 inside a container."),
  trustProxy: z
    .string()
    .refine(isProxyList, "must be a number of proxies, or their addresses or subnets, separated by commas")
    .default("")
    .describe("Proxies in front whose X-Forwarded-For is believed: how many, or their addresses; none."),
  apiKeysFile: z
    .string()
    .optional()
    .describe("File of API keys, one `ROLE SHA256 NAME` a line; `menagerie key` makes them."),
  sharedKeys: z
    .enum(["0", "1"])
    .default("0")
    .describe(
      "1: the API keys are those in the database of DATABASE_URL, for all replicas; `menagerie key --shared` makes them.",
    ),
  anonymousRole: z
    .enum(["none", "infer", "models", "admin"])
    .optional()
    .describe(
      "What a request without a key may do: `none`, `infer`, `models` or `admin`; unset: with TRUST_PROXY, API_KEYS_FILE or SHARED_KEYS `none`, else `admin` on a loopback HOST, `infer` inside a container without HOST, and `none` on any other.",
    ),
  corsOrigins: z
    .string()
    .transform(splitNames)
    .refine((origins) => origins.every(isOrigin), "must be origins such as https://example.org, separated by commas")
    .default([])
    .describe("Origins whose pages may call this service from a browser, separated by commas; none."),
  requestsPerWindowMax: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_000_000)
    .optional()
    .describe(
      `Requests of one key, or of one address without a key, in RATE_WINDOW_MS; past it: 429; 0: no limit; unset: 0 where ANONYMOUS_ROLE would be \`admin\`, else ${EXPOSED_REQUESTS_PER_WINDOW_MAX}.`,
    ),
  rateWindowMs: milliseconds(60_000).describe("Window of REQUESTS_PER_WINDOW_MAX."),
  logLevel: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
    .default("info")
    .describe("Lowest level of the log lines on stderr."),
  logFormat: z
    .enum(["pretty", "json"])
    .optional()
    .describe("`json` for programs, `pretty` for people; unset: `pretty` where stderr is a terminal."),
  metricsRole: z
    .enum(["none", "infer", "models", "admin"])
    .default("admin")
    .describe("Role that `GET /metrics` takes; `none`: whoever reaches this port may read it, as `/readyz`."),

  modelsDir: z.string().default(join(ROOT_DIR, "models")).describe("Folder of the zoo: one folder a model."),
  modelId: z
    .string()
    .optional()
    .describe("Id of the model that lies in MODELS_DIR itself; unset: its manifest's, else `model`."),
  modelsPollSeconds: z.coerce
    .number()
    .min(0)
    .max(3600)
    .default(10)
    .describe("Between two looks at MODELS_DIR where the system does not tell that it changed; 0: none."),
  registeredModelsDir: z
    .string()
    .default(join(DATA_DIR, "models"))
    .describe("Folder of registered models; it belongs to one service at a time."),
  modelsStore: z
    .string()
    .refine(isBucketUrl, "must be s3://BUCKET or s3://BUCKET/PREFIX")
    .optional()
    .describe(
      "S3-compatible store of registered models that replicas share, as `s3://BUCKET/PREFIX`; unset: REGISTERED_MODELS_DIR, which holds copies otherwise: [scale.md](scale.md#replicas).",
    ),
  feedback: z
    .enum(["on", "off"])
    .default("on")
    .describe("Whether answers are remembered, and what was right: [feedback.md](feedback.md)."),
  feedbackDir: z
    .string()
    .default(join(DATA_DIR, "feedback"))
    .describe("Folder of the SQLite file in which answers are remembered."),
  databaseUrl: z
    .string()
    .regex(/^postgres(ql)?:\/\//, "must begin with postgres://")
    .optional()
    .describe(
      "PostgreSQL database for them in place of FEEDBACK_DIR, as `postgres://USER:PASSWORD@HOST/NAME`; replicas count rates there together.",
    ),
  keepImages: z.enum(["0", "1"]).default("0").describe("1: the images of remembered answers are kept as well."),
  teach: z
    .enum(["on", "off"])
    .default("on")
    .describe("Whether clients may teach models of their own photos: [teach.md](teach.md#over-http)."),
  teachDir: z
    .string()
    .default(join(DATA_DIR, "teach"))
    .describe(
      "Folder of jobs of teaching, with their photos; another service that names it takes no jobs while one has it.",
    ),
  webDir: z.string().default(WEB_DIR).describe("Folder of the built page."),
  engine: z
    .string()
    .refine(
      isEngine,
      "must be process, addon, or the address of a server: v2+http://HOST[:PORT], v2+grpc://HOST[:PORT] or tfs+http://HOST[:PORT]",
    )
    .default("process")
    .describe(
      "What runs graphs: `process`, `addon`, or a server such as `v2+http://HOST:8000`; the last two take zoo models only.",
    ),
  remoteModels: z
    .string()
    .refine(
      (text) => splitList(text).every((line) => NAMED_ELSEWHERE.test(line)),
      "must be ID[@VERSION]=NAME[@VERSION]",
    )
    .transform((text) => splitList(text).map(namedElsewhere))
    .default([])
    .describe("Models that another server has by another name, `ID=NAME` or `ID@VERSION=NAME@VERSION`; none."),
  remoteTokenFile: z
    .string()
    .optional()
    .describe("File with the bearer token that another server asks for; it is read again and again."),
  sandbox: z
    .enum(["best-effort", "required"])
    .default("best-effort")
    .describe("`required` refuses uploaded graphs when a measure that confines the engine is missing."),
  enginePath: z.string().default(ENGINE.path).describe("The executable that runs graphs."),
  programReadPaths: z
    .string()
    .default("/usr,/lib,/lib64,/bin,/etc/ld.so.cache,/etc/localtime,/dev/urandom")
    .transform(splitList)
    .refine((paths) => paths.every(isAbsolute), "must be absolute paths, separated by commas")
    .describe("Files and folders that programs of the zoo may read and execute beside their model's folder."),
  runtime: z
    .enum(["libtensorflow", "onnxruntime", "auto"])
    .default("libtensorflow")
    .describe(
      "What computes graphs: libtensorflow, the reference; `onnxruntime`, smaller and faster, which refuses graphs with ops that it has no translation for; `auto`: ONNX Runtime for each graph on which it agrees with libtensorflow.",
    ),
  onnxruntimePath: z
    .string()
    .optional()
    .describe(
      "Folder that holds ONNX Runtime, and where it is looked for alone; when it is not set the project's cache, then the system.",
    ),
  libtensorflowPath: z
    .string()
    .optional()
    .describe(
      "Folder that holds libtensorflow, and where it is looked for alone; when it is not set the project's cache, then the system.",
    ),
  tfEnableOnednnOpts: z
    .enum(["0", "1"])
    .default("1")
    .describe(
      "1: layers run on oneDNN wherever libtensorflow has it; 0: on TensorFlow's own code, up to three times slower.",
    ),

  imageBytesMax: bytes(32 * MIB).describe("Bytes of one image; past it: 413."),
  imageUrlHosts: z
    .string()
    .transform(splitNames)
    .refine((hosts) => hosts.every(isUrlHost), "must be hosts such as example.org, *.example.org or example.org:8443")
    .default([])
    .describe("Hosts that `image_url` may name, separated by commas; `*.example.org` for those below it; none."),
  imageUrlMsMax: milliseconds(10_000).describe("Deadline for an image at an address to arrive whole; past it: 422."),
  imagesDir: z
    .string()
    .refine(isAbsolute, "must be an absolute path")
    .optional()
    .describe("Folder whose images `image_path` may name; none."),
  imagesKeptMax: count(1000).describe("Images that `POST /api/images` keeps at once; past it: 503."),
  imagesKeptBytesMax: bytes(ofMemory(1 / 16, 128 * MIB, 512 * MIB)).describe(
    "Bytes of these images, and of what is decoded of them, in memory at once; past it: 503.",
  ),
  imageKeptMsMax: milliseconds(600_000).describe("How long such an image is kept after it was last asked for."),
  imagePixelsMax: count(50_000_000, 1, 2 ** 31).describe(
    "Width times height of an image, judged from its header; past it: 422.",
  ),
  imageSidePixelsMax: count(20_000).describe("Longer side of an image; past it: 422."),
  imagesPerRequestMax: count(16, 1, 1000).describe("Images in one request, addresses included; past it: 400."),
  examplesMax: count(16, 1, 100).describe(
    "Labelled photos that decide a graph's settings, in one request; each takes 60 runs of the graph at most; past it: 400.",
  ),
  modelsPerRequestMax: count(8, 1, 100).describe("Models in one request; past it: 400."),
  graphBytesMax: bytes(256 * MIB).describe("Bytes of one uploaded graph; past it: 413."),
  labelsBytesMax: bytes(4 * MIB).describe("Bytes of one uploaded label file; past it: 413."),
  requestBytesMax: bytes(384 * MIB).describe("Bytes of one whole request body; past it: 413."),
  grpcMessageBytesMax: bytes(64 * MIB).describe("Bytes of one gRPC message; past it: 413."),
  jsonBytesMax: bytes(16 * MIB).describe("Bytes of the JSON in one message of a protocol; past it: 413."),
  fieldBytesMax: bytes(8192).describe("Bytes of one text field; past it: 413."),
  fieldsPerRequestMax: count(64).describe("Text fields in one request; past it: 413."),
  uploadsHeldBytesMax: bytes(ofMemory(1 / 4, 768 * MIB, 1024 * MIB)).describe(
    "Bytes of request bodies, of photos in the making and of answers held in memory at once; past it: 503.",
  ),
  answerBytesMax: bytes(32 * MIB).describe("Bytes that the pictures of one answer may take; past it: 400."),

  explainMasksMax: count(1024, 4, 16_384).describe(
    "Masked photos of one map of `POST /api/explain`, each a run of the model; past it: 400.",
  ),

  requestsMax: count(32).describe("Requests worked on at once; more wait."),
  requestsQueuedMax: count(256, 0).describe("Requests waiting for their turn; past it: 503."),
  queueWaitMsMax: milliseconds(30_000).describe("Longest wait for a turn; past it: 503."),
  workerThreads: count(Math.min(16, availableParallelism() + 1), 1, 256).describe(
    "Threads that decode and resize images.",
  ),
  workerMemoryBytesKeptMax: bytes(128 * MIB).describe(
    "Bytes of WebAssembly memory that a thread keeps from one image to the next; past it, and after a rest, it takes a fresh instance.",
  ),
  imageMsMax: milliseconds(20_000).describe("Longest that a thread may work on one image; past it: 504."),
  modelsLoadedMax: count(4, 1, 1000).describe("Models loaded at once; the one unused for longest makes room."),
  strangerLoadsMax: count(Math.max(1, Math.floor(availableParallelism() / 2)), 1, 256).describe(
    "Graphs of clients that are loaded at the same time; more wait.",
  ),
  modelsMemoryBytesMax: bytes(ofMemory(1 / 4, 512 * MIB, 2048 * MIB), DISK_BYTES_MAX).describe(
    "Memory of all loaded models together; past it the ones unused for longest are put to sleep.",
  ),
  registeredModelsMax: count(100, 0, 10_000).describe("Versions of registered models, of all callers; past it: 507."),
  registeredBytesMax: bytes(4096 * MIB, DISK_BYTES_MAX).describe(
    "Bytes of all files of registered models on disk, of all callers; past it: 507.",
  ),
  teachJobsMax: count(100, 1, 10_000).describe("Jobs of teaching that are kept, of all callers; past it: 507."),
  teachPhotosMax: count(20_000).describe(
    "Photos of one job of teaching; past it: 400. Of those of feedback the latest that fit are taken.",
  ),
  teachBytesMax: bytes(8192 * MIB, DISK_BYTES_MAX).describe(
    "Bytes on disk of all jobs of teaching: photos and their list, features and results; past it: 507.",
  ),
  teachMemoryBytesMax: bytes(ofMemory(1 / 32, 64 * MIB, 256 * MIB)).describe(
    "Bytes of memory for all jobs of teaching: names and labels of their photos, and what came of them; past it: 507.",
  ),
  teachMinutesMax: count(120, 1, 10_000).describe("Minutes of one run of teaching; past it the job has failed."),
  teachDaysMax: count(30, 1, 36_500).describe("Days that a job of teaching is kept after its last change."),
  feedbackDaysMax: count(90, 1, 36_500).describe("Age of remembered answers in days; older ones are removed."),
  feedbackAnswersMax: count(1_000_000, 1, 1_000_000_000).describe(
    "Remembered answers; past it the oldest ones of whoever has most are removed, each minute.",
  ),
  feedbackWaitingMax: count(10_000).describe(
    "Answers that wait to be remembered, of all callers; past it they are not.",
  ),
  keptImagesBytesMax: bytes(1024 * MIB, DISK_BYTES_MAX).describe(
    "Bytes of kept images; past it the oldest ones of whoever has most are removed, each minute and after each tenth of it.",
  ),
  keptImagesWaitingBytesMax: bytes(64 * MIB).describe(
    "Bytes of images that wait to be kept, of all callers; past it they are not.",
  ),
  uploadedGraphsBytesMax: bytes(ofMemory(1 / 16, 64 * MIB, 512 * MIB)).describe(
    "Bytes of uploaded graphs kept for later requests.",
  ),
  engineSpares: count(1, 0, 16).describe("Engine processes waiting with their runtime already loaded."),
  engineRetries: count(1, 0, 5).describe(
    "Times that a request is tried again on a fresh process when its engine died.",
  ),
  engineMemoryBytesMax: bytes(ofMemory(1 / 2, 1024 * MIB, 4096 * MIB), 2 ** 44).describe(
    "Memory that one engine process may take; a graph that is seen to need more is refused.",
  ),
  engineCpuSecondsMax: count(300).describe("Processor time that one load or one run may take."),
  engineThreads: count(0, 0, 256).describe("Threads for one run of a graph; 0 lets the engine choose."),

  remoteRequestsMax: count(8, 1, 1000).describe("Runs that are with another server at once; more wait."),
  remoteImagesMax: count(16, 1, 64).describe("Images in one run on another server, such as its `max_batch_size`."),
  engineStartMsMax: milliseconds(60_000).describe("Deadline for an engine process to say hello; past it: 503."),
  engineLoadMsMax: milliseconds(60_000).describe("Deadline for a graph to load; past it: 504."),
  engineFirstRunMsMax: milliseconds(60_000).describe("Deadline for the first run of a loaded graph; past it: 504."),
  engineRunMsMax: milliseconds(20_000).describe(
    "Deadline for each later run, from when the engine is given it; past it: 504.",
  ),
  classifyMsMax: milliseconds(120_000).describe(
    "Deadline for a request from when its body is there, all waiting included; past it: 504.",
  ),
  connectionsMax: count(1000).describe(
    "Open connections; past it the one idle for longest gives way, or a new one is closed at once.",
  ),
  grpcCallsPerConnectionMax: count(100, 1, 10_000).describe(
    "Calls at once on one gRPC connection; more wait at their client.",
  ),
  headersBytesMax: count(16_384, 1024).describe("Bytes of the headers of a request; past it: 431."),
  headersMsMax: milliseconds(15_000).describe("Deadline for the headers of a request to arrive; past it: 408."),
  requestMsMax: milliseconds(300_000).describe(
    "Deadline for a request to arrive whole (past it: 408), and for its answer to be taken whole.",
  ),
  uploadGraceMs: milliseconds(10_000).describe(
    "Time in which a body may come, or an answer be taken, as slowly as its client likes.",
  ),
  uploadBytesPerSecondMin: count(1000, 0).describe(
    "Bytes a second of a body after that, from its begin on average (below it: 408), and of an answer.",
  ),
  keepAliveMsMax: milliseconds(65_000).describe("How long an idle connection stays open."),
  shutdownMsMax: milliseconds(30_000).describe("How long a stop waits for requests in flight."),
});

type Settings = z.infer<typeof SCHEMA>;

type Role = NonNullable<Settings["anonymousRole"]>;

/** The settings with the environment's values, every path resolved. */
export type Config = Readonly<
  Omit<Settings, "host" | "anonymousRole" | "requestsPerWindowMax"> & {
    host: string;
    anonymousRole: Role;
    requestsPerWindowMax: number;
  }
>;

/** What a limit is for. */
export const RULES = {
  work: "Work is bounded by what came, before it begins.",
  shares: "What is there is given in fair shares: by who asks, and by request within them.",
  memory: "Memory is counted by what is there, until the work has ended and the answer is taken.",
  pace: "Nothing is held for whoever neither sends nor reads.",
  engine: "A process that runs a graph is bounded in memory and time, and replaced.",
} as const;

/** The rule that each limit serves. */
const RULE_OF = {
  requestsPerWindowMax: "shares",
  rateWindowMs: "shares",
  imageBytesMax: "work",
  imageUrlMsMax: "pace",
  imagesKeptMax: "shares",
  imagesKeptBytesMax: "memory",
  imageKeptMsMax: "memory",
  imagePixelsMax: "work",
  imageSidePixelsMax: "work",
  imageMsMax: "work",
  imagesPerRequestMax: "work",
  examplesMax: "work",
  modelsPerRequestMax: "work",
  graphBytesMax: "work",
  labelsBytesMax: "work",
  requestBytesMax: "work",
  grpcMessageBytesMax: "work",
  jsonBytesMax: "work",
  fieldBytesMax: "work",
  fieldsPerRequestMax: "work",
  uploadsHeldBytesMax: "memory",
  answerBytesMax: "memory",
  explainMasksMax: "work",
  requestsMax: "shares",
  requestsQueuedMax: "shares",
  queueWaitMsMax: "shares",
  workerThreads: "shares",
  workerMemoryBytesKeptMax: "memory",
  modelsLoadedMax: "shares",
  strangerLoadsMax: "shares",
  modelsMemoryBytesMax: "memory",
  registeredModelsMax: "shares",
  registeredBytesMax: "shares",
  teachJobsMax: "shares",
  teachPhotosMax: "work",
  teachBytesMax: "shares",
  teachMemoryBytesMax: "shares",
  teachMinutesMax: "shares",
  teachDaysMax: "memory",
  feedbackDaysMax: "memory",
  feedbackAnswersMax: "shares",
  feedbackWaitingMax: "shares",
  keptImagesBytesMax: "shares",
  keptImagesWaitingBytesMax: "shares",
  uploadedGraphsBytesMax: "memory",
  engineRetries: "engine",
  engineMemoryBytesMax: "engine",
  engineCpuSecondsMax: "engine",
  remoteRequestsMax: "engine",
  remoteImagesMax: "engine",
  engineStartMsMax: "engine",
  engineLoadMsMax: "engine",
  engineFirstRunMsMax: "engine",
  engineRunMsMax: "engine",
  classifyMsMax: "shares",
  connectionsMax: "shares",
  grpcCallsPerConnectionMax: "shares",
  headersBytesMax: "work",
  headersMsMax: "pace",
  requestMsMax: "pace",
  uploadGraceMs: "pace",
  uploadBytesPerSecondMin: "pace",
  keepAliveMsMax: "pace",
  shutdownMsMax: "pace",
} as const satisfies Readonly<Partial<Record<keyof Settings, keyof typeof RULES>>>;

/** Upper snake case of a setting: the name of its environment variable. */
export function variableName(setting: string): string {
  return setting.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/**
 * Reads the settings.
 * @throws Error that names each variable which is out of its range.
 */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  isInContainer: boolean = isContainer(environment),
): Config {
  const input: Record<string, string> = {};
  for (const setting of Object.keys(SCHEMA.shape)) {
    const value = environment[variableName(setting)];
    if (value !== undefined && value !== "") input[setting] = value;
  }
  const parsed = SCHEMA.safeParse(input);
  if (!parsed.success) {
    const complaints = parsed.error.issues.map((issue) => {
      const setting = String(issue.path[0]);
      // What holds a password is not shown.
      const value = input[setting] ?? "";
      const mayHold = ["engine", "modelsStore"].includes(setting) && value.includes("@");
      const shown = setting === "databaseUrl" || mayHold ? "…" : value;
      return `${variableName(setting)}=${shown}: ${issue.message}`;
    });
    throw new Error(`the configuration cannot be used: ${complaints.join("; ")}`);
  }
  const { uploadsHeldBytesMax, requestBytesMax } = parsed.data;
  if (uploadsHeldBytesMax < 2 * requestBytesMax) {
    const values = `UPLOADS_HELD_BYTES_MAX=${uploadsHeldBytesMax} and REQUEST_BYTES_MAX=${requestBytesMax}`;
    throw new Error(
      `the configuration cannot be used: ${values}: the first must be twice the second or more, since one caller has half of it`,
    );
  }
  const host = parsed.data.host ?? (isInContainer ? "0.0.0.0" : "127.0.0.1");
  const ownRole = roleOfEveryone({ ...parsed.data, host }, isInContainer && parsed.data.host === undefined);
  if (parsed.data.runtime === "auto" && parsed.data.engine === "addon") {
    throw new Error("the configuration cannot be used: RUNTIME=auto compares processes: use ENGINE=process with it");
  }
  if (
    parsed.data.sharedKeys === "1" &&
    (parsed.data.databaseUrl === undefined || parsed.data.apiKeysFile !== undefined)
  ) {
    throw new Error(
      "the configuration cannot be used: SHARED_KEYS=1 takes the keys from DATABASE_URL, which has to be set, and API_KEYS_FILE not",
    );
  }
  const libtensorflowPath = parsed.data.libtensorflowPath ?? findCachedRuntime("libtensorflow");
  const onnxruntimePath = parsed.data.onnxruntimePath ?? findCachedRuntime("onnxruntime");
  return Object.freeze({
    ...parsed.data,
    host,
    anonymousRole: parsed.data.anonymousRole ?? ownRole,
    requestsPerWindowMax:
      parsed.data.requestsPerWindowMax ?? (ownRole === "admin" ? 0 : EXPOSED_REQUESTS_PER_WINDOW_MAX),
    ...(libtensorflowPath === undefined ? {} : { libtensorflowPath }),
    ...(onnxruntimePath === undefined ? {} : { onnxruntimePath }),
  });
}

function splitList(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** A model here, and the one that another server has; neither has an `@` in its name. */
const NAMED_ELSEWHERE = /^([^=@]+)(?:@([^=@]+))?=([^=@]+)(?:@([^=@]+))?$/;

function namedElsewhere(line: string) {
  const [, id = "", version = null, name = "", remoteVersion = null] = NAMED_ELSEWHERE.exec(line) ?? [];
  return { id, version, remote: { name, version: remoteVersion } };
}

/** Whether it names a kind of engine, or another server: its address alone, for a password in it would be shown. */
function isEngine(text: string): boolean {
  if (text === "process" || text === "addon") return true;
  const [, protocol, rest] = /^(v2\+https?|v2\+grpcs?|tfs\+https?):\/\/([\w.:[\]/-]+)$/.exec(text) ?? [];
  if (protocol === undefined || !URL.canParse(`http://${rest}`)) return false;
  const { host, pathname } = new URL(`http://${rest}`);
  return host !== "" && (pathname === "/" || !protocol.startsWith("v2+grpc"));
}

/** A list in which capitals mean nothing, such as one of hosts. */
function splitNames(text: string): string[] {
  return splitList(text.toLowerCase());
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

/** As `URL.host` has it, so that it can be compared with that: lower case, ASCII, a port only where it is not 80 or 443. */
function isUrlHost(text: string): boolean {
  const host = text.startsWith("*.") ? text.slice(2) : text;
  if (host.includes("*")) return false;
  return ["http", "https"].every(
    (scheme) => URL.canParse(`${scheme}://${host}`) && new URL(`${scheme}://${host}`).host === host,
  );
}

/** With a bucket's name as Amazon has them. */
function isBucketUrl(text: string): boolean {
  const isWhole = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/\P{Cc}*)?$/u.test(text);
  // Servers on the way may leave such parts out.
  return isWhole && !/\/\.{1,2}(\/|$)/.test(text);
}

/** What Express takes for `trust proxy`, less `true`: that would believe everybody. */
function isProxyList(text: string): boolean {
  const names = ["loopback", "linklocal", "uniquelocal"];
  return (
    /^\d+$/.test(text) || splitList(text).every((part) => names.includes(part) || isIP(part.split("/")[0] ?? "") > 0)
  );
}

/** Each setting with its variable, default and meaning: the configuration table of the docs. */
export function describeConfig(): {
  variable: string;
  fallback: string;
  meaning: string;
  rule: keyof typeof RULES | null;
}[] {
  const rules: Readonly<Record<string, keyof typeof RULES>> = RULE_OF;
  const defaults: Record<string, unknown> = SCHEMA.parse({});
  return Object.entries(SCHEMA.shape).map(([setting, schema]) => ({
    variable: variableName(setting),
    fallback: String(defaults[setting] ?? "").replace(ROOT_DIR, ""),
    meaning: schema.description ?? "",
    rule: rules[setting] ?? null,
  }));
}

/**
 * What a request without a key may do where nothing is said of it: all, on an address that only this machine reaches, with
 * no proxy in front. Who reaches a container is its runtime's to say, so there everyone may classify and no more.
 */
function roleOfEveryone(
  { apiKeysFile, sharedKeys, host, trustProxy }: Pick<Config, "apiKeysFile" | "sharedKeys" | "host" | "trustProxy">,
  isContainersChoice: boolean,
): Role {
  if (apiKeysFile !== undefined || sharedKeys === "1" || trustProxy !== "") return "none";
  if (isLoopback(host)) return "admin";
  return isContainersChoice ? "infer" : "none";
}

/** Whether only this machine reaches the address. */
export function isLoopback(host: string): boolean {
  return host.toLowerCase() === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

function isContainer(environment: Readonly<Record<string, string | undefined>>): boolean {
  return ["/.dockerenv", "/run/.containerenv"].some((file) => existsSync(file)) || Boolean(environment["container"]);
}
