/** The clients of `menagerie/client` and of Python, asked in the same words. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import {
  createClient,
  type ImageSource,
  MenagerieError,
  type NewTeachJob,
  type TaughtFile,
  type Teach,
} from "../../src/client/index.js";
import { ROOT_DIR } from "../../src/config.js";

export const PYTHON_CLIENT = join(ROOT_DIR, "node/clients/menagerie_client.py");

type Method =
  | "classify"
  | "infer"
  | "explain"
  | "keep"
  | "feedback"
  | "models"
  | "model"
  | "inspect"
  | "service"
  | "ready"
  | `teach.${keyof Teach}`;

export interface Asked {
  readonly method: Method;
  /** Their bytes as text, or where they are. */
  readonly images?: readonly (string | ImageSource)[];
  /** Of a model, a request or a job. */
  readonly id?: string;
  /** Of a photo; the name of a file of a result, or the SHA-256 of a photo. */
  readonly label?: string;
  /** `model_file` and `label_file` are bytes as text. */
  readonly fields?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  readonly key?: string;
  readonly timeoutMs?: number;
  readonly retriesMax?: number;
  readonly waitMsMax?: number;
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly status?: number | null | undefined;
  readonly requestId?: string | null | undefined;
  readonly retryAfterSeconds?: number | null | undefined;
}

/** What came of a call. */
export type Outcome = { readonly answer: unknown } | { readonly error: Failure };

export type Ask = (url: string, asked: Asked) => Promise<Outcome>;

const CLIENTS: readonly (readonly [string, Ask])[] = [
  ["JavaScript", askByScript],
  ["Python", askByPython],
];

export const HAS_PYTHON = spawnSync("python3", ["--version"]).status === 0;
if (!HAS_PYTHON) process.stderr.write("skipped: the tests of the Python client, for there is no python3\n");

/** Those that this machine can run. */
export const HERE = CLIENTS.filter(([name]) => name !== "Python" || HAS_PYTHON);

async function askByScript(url: string, asked: Asked): Promise<Outcome> {
  const { method, images = [], id = "", label = "", fields = {}, ...options } = asked;
  const client = createClient(url, options);
  const bytes = images.map((image) => (typeof image === "string" ? Buffer.from(image) : image));
  const [image = Buffer.from("")] = bytes;
  const { model_file: graph, label_file: labels, ...settings } = fields;
  const own = graph === undefined ? {} : { model_file: Buffer.from(String(graph)), label_file: String(labels) };
  const calls = {
    classify: () => client.classify(image, { ...settings, ...own }),
    infer: () => client.infer(bytes, { ...settings, ...own }),
    explain: () => client.explain(image, { ...settings, ...own }),
    keep: () => client.keep(image),
    feedback: () => client.feedback(id, label, settings),
    models: () => client.models(),
    model: () => client.model(id),
    inspect: () => client.inspect(Buffer.from(String(graph)), labels === undefined ? labels : String(labels), settings),
    service: () => client.service(),
    ready: () => client.ready(),
    "teach.create": () => client.teach.create(settings as unknown as NewTeachJob),
    "teach.jobs": () => client.teach.jobs(),
    "teach.job": () => client.teach.job(id),
    "teach.photos": () => client.teach.photos(id),
    "teach.putPhoto": () => client.teach.putPhoto(id, image as Buffer, label, settings),
    "teach.removePhoto": async () => (await client.teach.removePhoto(id, label)) ?? null,
    "teach.start": () => client.teach.start(id),
    "teach.cancel": () => client.teach.cancel(id),
    "teach.follow": () => allOf(client.teach.follow(id)),
    "teach.download": async () => Buffer.from(await client.teach.download(id, label as TaughtFile)).toString(),
    "teach.register": () => client.teach.register(id, settings),
    "teach.remove": async () => (await client.teach.remove(id)) ?? null,
  };
  try {
    return { answer: await calls[method]() };
  } catch (error) {
    if (error instanceof MenagerieError) return { error };
    throw error;
  }
}

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function askByPython(url: string, asked: Asked): Promise<Outcome> {
  const { method, images = [], id = "", label = "", fields = {}, key, timeoutMs, retriesMax, waitMsMax } = asked;
  const options = {
    ...(key !== undefined && { key }),
    ...(timeoutMs !== undefined && { timeout_seconds: timeoutMs / 1000 }),
    ...(retriesMax !== undefined && { retries_max: retriesMax }),
    ...(waitMsMax !== undefined && { wait_seconds_max: waitMsMax / 1000 }),
  };
  const program = join(ROOT_DIR, "node/test/fixtures/call_client.py");
  const child = spawn("python3", ["-B", program], { stdio: ["pipe", "pipe", "inherit"] });
  const output = text(child.stdout);
  child.stdin.end(JSON.stringify({ url, method, images, id, label, fields, options }));
  await once(child, "close");
  return JSON.parse(await output) as Outcome;
}
