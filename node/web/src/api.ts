/**
 * The page's one client of the service: every call, with the key and as the contract's types. What fails is a
 * {@link Refusal}. Addresses are relative, so that the page works below any path.
 */
import type {
  AccuracyReport,
  AnsweredItem,
  DescribedModel,
  ExplainedItem,
  InferAnswer,
  ModelIdentity,
  ModelSummary,
  Problem,
  Readiness,
  RightOf,
  ServiceFacts,
} from "../../src/generated/api.js";
import type { ErrorCode, ModelSpec } from "../../src/generated/contract.js";
import { megabytes } from "./format.js";
import { isReachable, key, service } from "./state.js";

export type { AccuracyReport, DescribedModel, ModelIdentity, Readiness, RightOf, ServiceFacts };

/** An answer's request, and its place in the results. */
export interface Asked {
  readonly requestId: string;
  readonly index: number;
}

/** One entry of the `results` of `POST /infer` that did not fail. */
export type Result = AnsweredItem & {
  /** Where pixels were sent in place of the photo, and whether their hash is seen to be that of the answer. */
  readonly sent?: { readonly pixelBytes: number; readonly photoBytes: number; readonly isSame: boolean };
  /** Whether it was made in this browser, and not by the service. */
  readonly isMadeHere?: boolean;
  /** By what the service remembers it; absent where it remembers nothing of it. */
  readonly asked?: Asked;
};

/** One entry of `GET /api/models`. `fetch` is null where none of its files are on their way, and none failed. */
export type ListedModel = ModelSummary;

export type Role = ServiceFacts["role"];

export function isBeingFetched({ fetch }: ListedModel): boolean {
  return fetch !== null && fetch.problem === null;
}

/** A photo to try a model with. `path` is its address, relative to the page. */
export interface Sample {
  readonly name: string;
  readonly path: string;
}

/** Why there is no answer: the service's own words, or `unreachable` when it did not speak. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  constructor(
    readonly code: ErrorCode | "unreachable",
    detail: string,
    readonly about: { readonly title?: string; readonly requestId?: string; readonly retryAfterSeconds?: number } = {},
  ) {
    super(detail);
  }
}

export interface Upload {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

/** What goes with a call that sends a form. */
export interface Sending {
  readonly signal: AbortSignal;
  readonly onUpload?: (upload: Upload) => void;
}

export async function listModels(): Promise<readonly ListedModel[]> {
  return (await readJson<{ models: readonly ListedModel[] }>("api/models")).models;
}

/** Loads the model where it is not loaded. */
export function describeModel(id: string, signal: AbortSignal): Promise<DescribedModel> {
  return readJson(modelPath(id), signal);
}

export async function listSamples(id: string, signal: AbortSignal): Promise<readonly Sample[]> {
  const path = `${modelPath(id)}/samples`;
  const { samples } = await readJson<{ samples: readonly string[] }>(path, signal);
  return samples.map((name) => ({ name, path: `${path}/${encodeURIComponent(name)}` }));
}

export function readService(): Promise<ServiceFacts> {
  return readJson("api/service");
}

export async function readReadiness(): Promise<Readiness> {
  const response = await call("readyz", {}, [200, 503]);
  return (await response.json()) as Readiness;
}

/** The bytes at an address of the service. */
export async function readFile(path: string, signal?: AbortSignal): Promise<Blob> {
  return (await call(path, signal ? { signal } : {})).blob();
}

/** The answers, images outermost. An image that failed alone is thrown as a refusal. */
export async function classify(form: FormData, sending: Sending): Promise<readonly Result[]> {
  const answer = await send<InferAnswer>("infer", form, sending);
  return answer.results.map((entry, index) => {
    if ("error" in entry) throw refusalOf(entry.error);
    return { ...entry, asked: { requestId: answer.request_id, index } };
  });
}

/** The answer to pixels of one image, of this shape, by the Open Inference Protocol: they follow its JSON as they are. */
export async function classifyPixels(
  id: string,
  shape: readonly number[],
  pixels: Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<Result> {
  const parameters = { binary_data_size: pixels.length };
  const inputs = [{ name: "pixels", datatype: "UINT8", shape, parameters }];
  const json = new TextEncoder().encode(JSON.stringify({ inputs, outputs: [{ name: "answer" }] }));
  const headers = { "Inference-Header-Content-Length": String(json.length) };
  const body = new Blob([json, pixels]);
  const response = await call(`v2/models/${encodeURIComponent(id)}/infer`, { method: "POST", headers, body, signal });
  const { outputs } = (await response.json()) as { outputs: [{ data: [string] }] };
  const requestId = response.headers.get("x-request-id");
  const asked = requestId === null ? {} : { asked: { requestId, index: 0 } };
  return { ...(JSON.parse(outputs[0].data[0]) as Result), ...asked };
}

/** An answer with what it hangs on. */
export function explain(form: FormData, sending: Sending): Promise<ExplainedItem> {
  return send("api/explain", form, sending);
}

/** How the service reads the graph of a form. */
export function inspect(form: FormData, sending: Sending): Promise<ModelSpec> {
  return send("api/models/inspect", form, sending);
}

export function register(form: FormData, sending: Sending): Promise<DescribedModel> {
  return send("api/models", form, sending);
}

/** Says what an answer should have been. */
export async function sayWhatItWas({ requestId, index }: Asked, label: string): Promise<void> {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ request_id: requestId, index, label });
  await call("api/feedback", { method: "POST", headers, body });
}

export function readAccuracy(id: string, signal: AbortSignal): Promise<AccuracyReport> {
  return readJson(`${modelPath(id)}/accuracy`, signal);
}

export async function serveVersion(id: string, version: string): Promise<void> {
  const headers = { "Content-Type": "application/json" };
  await call(`${modelPath(id)}/default`, { method: "PUT", headers, body: JSON.stringify({ version }) });
}

/** Removes a registered model, or one version of it. */
export async function removeModel(id: string, version: string | null): Promise<void> {
  const path = version === null ? modelPath(id) : `${modelPath(id)}/versions/${encodeURIComponent(version)}`;
  await call(path, { method: "DELETE" }, [204]);
}

/** Makes the service fetch a listed model; with `trust` also where its SHA-256 is not known. */
export async function beginFetch(id: string, trust: boolean): Promise<void> {
  await call(`${modelPath(id)}/fetch${trust ? "?trust_on_first_use=1" : ""}`, { method: "POST" }, [202]);
}

export async function cancelFetch(id: string): Promise<void> {
  await call(`${modelPath(id)}/fetch`, { method: "DELETE" }, [204]);
}

export function modelPath(id: string): string {
  return `api/models/${encodeURIComponent(id)}`;
}

async function readJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await call(path, signal ? { signal } : {})).json()) as T;
}

/** One call. Rejects with the reason of its signal where that was aborted; other statuses than the good ones are refusals. */
export async function call(path: string, init: RequestInit, good: readonly number[] = [200]): Promise<Response> {
  const headers = { Accept: "application/json, */*;q=0.5", ...keyHeaders(), ...init.headers };
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (error) {
    init.signal?.throwIfAborted();
    isReachable.value = false;
    throw new Refusal("unreachable", "The service may be down, or the network between.", { title: String(error) });
  }
  isReachable.value = true;
  if (good.includes(response.status)) return response;
  throw refusal(response.status, await response.json().catch(() => null), response.headers.get("Retry-After"));
}

/**
 * Sends a form. XMLHttpRequest and not fetch, because it alone reports how much of an upload has left. Rejects with the
 * signal's reason when it was aborted.
 */
function send<T>(path: string, form: FormData, { signal, onUpload }: Sending): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    refuseLargeFiles(form);
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    let uploaded = false;
    signal.addEventListener("abort", abort);
    request.upload.addEventListener("progress", ({ loaded, total }) =>
      onUpload?.({ loadedBytes: loaded, totalBytes: total }),
    );
    request.upload.addEventListener("load", () => {
      uploaded = true;
    });
    request.addEventListener("loadend", () => signal.removeEventListener("abort", abort));
    request.addEventListener("abort", () => reject(signal.reason));
    request.addEventListener("error", () => reject(unreachable(uploaded)));
    request.addEventListener("load", () => {
      isReachable.value = true;
      const body: unknown = request.response;
      if ((request.status === 200 || request.status === 201) && typeof body === "object" && body !== null) {
        resolve(body as T);
      } else {
        reject(refusal(request.status, body, request.getResponseHeader("Retry-After")));
      }
    });
    request.open("POST", path);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(keyHeaders())) request.setRequestHeader(name, value);
    request.send(form);
  });
}

/** The limit of each field that holds a file. */
const FILE_LIMITS: Readonly<Record<string, keyof ServiceFacts["limits"]>> = {
  image_file: "image_bytes_max",
  example_file: "image_bytes_max",
  model_file: "graph_bytes_max",
  label_file: "labels_bytes_max",
};

/** Refuses what the service would, before it is sent: a service that stops an upload halfway may not be heard. */
function refuseLargeFiles(form: FormData): void {
  for (const [field, value] of form) {
    const name = FILE_LIMITS[field];
    if (name === undefined || !(value instanceof File)) continue;
    const limit = service.value?.limits[name] ?? Number.POSITIVE_INFINITY;
    if (value.size > limit) {
      const sizes = `${value.name} has ${megabytes(value.size)}, and this service takes ${megabytes(limit)}`;
      throw new Refusal("upload_too_large", `${sizes} at most (${name.toUpperCase()}).`);
    }
  }
}

function keyHeaders(): Record<string, string> {
  return key.value === "" ? {} : { "X-API-Key": key.value };
}

function unreachable(uploaded: boolean): Refusal {
  isReachable.value = false;
  return new Refusal(
    "unreachable",
    uploaded
      ? "The connection closed before the answer came."
      : "The connection closed while the files were on their way. The service may be down, or a file larger than it accepts.",
  );
}

/** The problem in a body of another status; a body that is none may be a proxy's page. */
function refusal(status: number, body: unknown, retryAfter: string | null): Refusal {
  const problem = body as Partial<Problem> | null;
  const seconds = Number.parseInt(retryAfter ?? "", 10);
  const wait = Number.isNaN(seconds) ? {} : { retryAfterSeconds: seconds };
  return typeof problem?.code === "string" && typeof problem.detail === "string"
    ? refusalOf(problem as Problem, wait)
    : new Refusal("unreachable", `Something answered with status ${status} and no reason.`, wait);
}

function refusalOf({ code, title, detail, request_id }: Problem, wait: { retryAfterSeconds?: number } = {}) {
  return new Refusal(code, detail, { title, ...wait, requestId: request_id });
}
