/** The calls of teaching: a job of the service's, its photos, what came of it. */
import { jobsOf } from "../../src/client/job-events.js";
import type { NewTaughtModel, NewTeachJob, TaughtModel, TeachJob, TeachPhoto } from "../../src/generated/api.js";
import { call, type DescribedModel, Refusal } from "./api.js";

export type { TaughtModel, TeachJob };
export type WrongPhoto = TaughtModel["wrong"][number];

/** Of a photo; the service keeps no more, and a path may be longer than an address. */
const NAME_CHARACTERS_MAX = 200;
/** Of a stream of events; the service says something every 15 s. */
const SILENCE_MS_MAX = 60_000;
const JSON_HEADERS = { "Content-Type": "application/json" };

export async function createJob(wanted: NewTeachJob, signal: AbortSignal): Promise<TeachJob> {
  const init = { method: "POST", headers: JSON_HEADERS, body: JSON.stringify(wanted), signal };
  return (await (await call("api/teach", init, [201])).json()) as TeachJob;
}

export async function readJob(id: string, signal: AbortSignal): Promise<TeachJob> {
  return (await (await call(jobPath(id), { signal })).json()) as TeachJob;
}

export async function listPhotos(id: string, signal: AbortSignal): Promise<readonly TeachPhoto[]> {
  const response = await call(`${jobPath(id)}/photos`, { signal });
  return ((await response.json()) as { photos: readonly TeachPhoto[] }).photos;
}

/** Gives the service a photo, or another label to one that it has. */
export async function putPhoto(
  id: string,
  { sha256, label, name }: Pick<TeachPhoto, "sha256" | "label" | "name">,
  file: Blob,
  signal: AbortSignal,
): Promise<void> {
  const query = new URLSearchParams({ label, name: name.slice(-NAME_CHARACTERS_MAX) });
  // A browser tells the type by the file's name, the service by its bytes.
  const headers = { "Content-Type": "application/octet-stream" };
  await call(`${jobPath(id)}/photos/${sha256}?${query}`, { method: "PUT", headers, body: file, signal }, [204]);
}

export async function removePhoto(id: string, sha256: string, signal: AbortSignal): Promise<void> {
  await call(`${jobPath(id)}/photos/${sha256}`, { method: "DELETE", signal }, [204]);
}

export async function startJob(id: string, signal: AbortSignal): Promise<TeachJob> {
  return (await (await call(`${jobPath(id)}/start`, { method: "POST", signal }, [202])).json()) as TeachJob;
}

export async function cancelJob(id: string): Promise<void> {
  await call(`${jobPath(id)}/cancel`, { method: "POST" }, [202]);
}

/** Ends it, and removes its photos and result from the service. */
export async function removeJob(id: string): Promise<void> {
  await call(jobPath(id), { method: "DELETE" }, [204]);
}

/** The job at once and after each change, until it has ended. `EventSource` would send no key. */
export async function* followJob(id: string, signal: AbortSignal): AsyncGenerator<TeachJob> {
  const response = await call(`${jobPath(id)}/events`, { headers: { Accept: "text/event-stream" }, signal });
  if (response.body === null) return;
  try {
    yield* jobsOf(response.body, SILENCE_MS_MAX);
  } catch (error) {
    signal.throwIfAborted();
    throw new Refusal("unreachable", "The connection closed before the job had ended.", { title: String(error) });
  }
}

/** Makes the result a model of the service's. */
export async function registerJob(id: string, named: NewTaughtModel): Promise<DescribedModel> {
  const init = { method: "POST", headers: JSON_HEADERS, body: JSON.stringify(named) };
  return (await (await call(`${jobPath(id)}/register`, init, [201])).json()) as DescribedModel;
}

export function jobPath(id: string): string {
  return `api/teach/${encodeURIComponent(id)}`;
}
