/** Models that a running service teaches: a job of its own for each. */
import type { DescribedModel, NewTaughtModel, NewTeachJob, TeachJob, TeachPhoto } from "../generated/api.js";
import type { Call, CallOptions } from "./call.js";
import { type Bytes, blobOf } from "./form.js";
import { jobsOf } from "./job-events.js";
import { pause } from "./pause.js";
import { EVENTS, FILE, NOTHING } from "./reading.js";
import { sha256 } from "./sha256.js";

/** Files of a result; `model.zip` has all of them. */
export type TaughtFile = "model.zip" | "graph.pb" | "labels.txt" | "manifest.json";

export interface PutPhotoOptions extends CallOptions {
  /** What it is called in words about it; the name of a `File`. */
  readonly name?: string;
}

/** Jobs of teaching, which are this client's key's alone, or its address's. Jobs are named by their ids. */
export interface Teach {
  /** Begins a job. Its photos come next. */
  create(asked: NewTeachJob, options?: CallOptions): Promise<TeachJob>;
  /** The newest first. */
  jobs(options?: CallOptions): Promise<readonly TeachJob[]>;
  job(job: string, options?: CallOptions): Promise<TeachJob>;
  photos(job: string, options?: CallOptions): Promise<readonly TeachPhoto[]>;
  /**
   * Keeps a photo under its class; one that is there moves to it. Resolves with the SHA-256 of its bytes. Where more come than the
   * service takes in a minute, it waits for the next one.
   */
  putPhoto(job: string, photo: Bytes, label: string, options?: PutPhotoOptions): Promise<string>;
  removePhoto(job: string, sha256: string, options?: CallOptions): Promise<void>;
  /** Puts a job into the line. A result that it had is gone. */
  start(job: string, options?: CallOptions): Promise<TeachJob>;
  /** Ends the run of a job, or its wait. */
  cancel(job: string, options?: CallOptions): Promise<TeachJob>;
  /**
   * The job at once and after each change, until it is done, has failed or was cancelled. A connection that breaks, or is
   * silent for `timeoutMs`, is opened again; where none can be opened for so long, it rejects as calls do.
   */
  follow(job: string, options?: CallOptions): AsyncGenerator<TeachJob, void, undefined>;
  /** A file of the result of one that is done. */
  download(job: string, file: TaughtFile, options?: CallOptions): Promise<Uint8Array<ArrayBuffer>>;
  /** Makes the result a model of the service. */
  register(job: string, as?: NewTaughtModel, options?: CallOptions): Promise<DescribedModel>;
  /** Ends a job, and removes its photos and its result. */
  remove(job: string, options?: CallOptions): Promise<void>;
}

const AGAIN_MS = 1000;
const ENDED: ReadonlySet<TeachJob["state"]> = new Set(["done", "failed", "cancelled"]);

/** `silenceMsMax` is for a stream of events whose call names no `timeoutMs`. */
export function openTeach(call: Call, silenceMsMax: number): Teach {
  return {
    create: (message, options = {}) => call("api/teach", options, { message, statuses: [201], changes: true }),
    jobs: async (options = {}) => (await call<{ jobs: TeachJob[] }>("api/teach", options)).jobs,
    job: (job, options = {}) => call(pathOf(job), options),
    photos: async (job, options = {}) =>
      (await call<{ photos: TeachPhoto[] }>(`${pathOf(job)}/photos`, options)).photos,
    async putPhoto(job, photo, label, options = {}) {
      const file = blobOf(photo);
      const hash = await sha256(new Uint8Array(await file.arrayBuffer()));
      const { name = "name" in file ? String(file.name) : undefined } = options;
      await call(`${pathOf(job)}/photos/${hash}`, options, { ...PUT, query: { label, name }, file });
      return hash;
    },
    removePhoto: (job, photo, options = {}) =>
      call(`${pathOf(job)}/photos/${encodeURIComponent(photo)}`, options, DELETE),
    start: (job, options = {}) => call(`${pathOf(job)}/start`, options, { method: "POST", statuses: [202] }),
    cancel: (job, options = {}) => call(`${pathOf(job)}/cancel`, options, { method: "POST", statuses: [202] }),
    async *follow(job, options = {}) {
      const { signal = new AbortController().signal, timeoutMs = silenceMsMax } = options;
      for (;;) {
        const reading = { reading: EVENTS, isPatient: true };
        const events = await call<ReadableStream<Uint8Array<ArrayBuffer>>>(`${pathOf(job)}/events`, options, reading);
        const jobs = jobsOf(events, timeoutMs);
        try {
          for (;;) {
            const now = await nextOf(jobs);
            if (now === null) break;
            yield now;
            if (ENDED.has(now.state)) return;
          }
        } finally {
          await jobs.return();
        }
        await pause(AGAIN_MS, signal);
      }
    },
    download: (job, file, options = {}) => call(`${pathOf(job)}/${file}`, options, { reading: FILE }),
    register: (job, message = {}, options = {}) =>
      call(`${pathOf(job)}/register`, options, { message, statuses: [200, 201] }),
    remove: (job, options = {}) => call(pathOf(job), options, { ...DELETE, changes: true }),
  };
}

/** There may be more photos than requests in a minute. */
const PUT = { method: "PUT", reading: NOTHING, statuses: [204], isPatient: true } as const;
const DELETE = { method: "DELETE", reading: NOTHING, statuses: [204] } as const;

/** What the events tell next; null where they have ended, and where the connection broke or was silent. */
async function nextOf(jobs: AsyncGenerator<TeachJob, void, undefined>): Promise<TeachJob | null> {
  try {
    return (await jobs.next()).value ?? null;
  } catch {
    return null;
  }
}

function pathOf(job: string): string {
  return `api/teach/${encodeURIComponent(job)}`;
}
