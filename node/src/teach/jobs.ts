/** Jobs of teaching: what each caller has, and may do with it. They lie in a folder that belongs to one service at a time. */
import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError, messageOf } from "../errors.js";
import type { TeachJob, TeachPhoto } from "../generated/api.js";
import type { Manifest } from "../generated/contract.js";
import { asStorageProblem } from "../models/durable-file.js";
import { namesIn, sizeOf } from "../models/folder-blobs.js";
import type { ModelZoo, Registration, TeachStatus } from "../ports.js";
import { sha256 } from "../sha256.js";
import type { GivenPhoto, JobListener, NewJob, NewModel, ResultFile, StoredFile, TeachJobs } from "../teach-jobs.js";
import { copyModel, findModel } from "./copy-model.js";
import { type FolderLock, lockFolder } from "./folder-lock.js";
import { Job } from "./job.js";
import { JobFolder, ownerOf } from "./job-folder.js";
import { JobLine } from "./job-line.js";
import { JobRoom, type TeachLimits } from "./job-room.js";
import { Readers } from "./readers.js";
import { RUN_PLACES, type RunOptions } from "./run.js";

export interface TeachJobsOptions {
  readonly dir: string;
  readonly limits: TeachLimits;
  readonly zoo: ModelZoo;
  /** The text of a model's licence; null where it comes without. */
  readonly licenceOf: (id: string, version: string) => Promise<Uint8Array | null>;
  readonly program: RunOptions["program"];
  /** Resolves once what was said of answers can be read by a run. */
  readonly settleFeedback: () => Promise<void>;
  readonly log: (facts: { readonly job: string } & Readonly<Record<string, string>>, message: string) => void;
  /** Hears why no job is taken, and null when jobs are taken after that. */
  readonly report: (problem: string | null) => void;
}

const DAY_MS = 86_400_000;
const SWEEP_MS = 3_600_000;
/** How often a folder that another service has is tried again. */
const LOCK_MS = 2000;
const LOCK_RETRY_SECONDS = 5;
const JOB_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** A job during which the service ended so often does not go on by itself: it may be why. */
const INTERRUPTIONS_MAX = 3;

/** Reads the jobs; those that were in the line, or at work, go on. While another service has their folder there are none. */
export async function openTeachJobs(options: TeachJobsOptions): Promise<TeachJobs> {
  const jobs = new FolderJobs(options);
  await jobs.begin();
  return jobs;
}

class FolderJobs implements TeachJobs {
  readonly #options: TeachJobsOptions;
  readonly #jobs = new Map<string, Job>();
  readonly #line: JobLine;
  readonly #room: JobRoom;
  readonly #readers = new Readers();
  readonly #ended = { done: 0, failed: 0, cancelled: 0, interrupted: 0 };
  readonly #sweeping: NodeJS.Timeout;
  #lock: FolderLock | null = null;
  #isElsewhere = false;
  #isClosed = false;

  constructor(options: TeachJobsOptions) {
    const { limits, program, zoo, licenceOf, settleFeedback, log } = options;
    this.#options = options;
    this.#room = new JobRoom(limits);
    this.#line = new JobLine({
      minutesMax: limits.teachMinutesMax,
      photosMax: limits.teachPhotosMax,
      program,
      settleFeedback,
      copyModel: (field, name, folder) => copyModel(findModel(zoo, field, name), licenceOf, folder),
      admit: () => this.#room.refuseFull(),
      log: (job, line) => log({ job, line }, "a run of teaching"),
      ended: (job, state) => {
        if (state in this.#ended) this.#ended[state as keyof TeachStatus["ended"]] += 1;
        log({ job, state }, "a run of teaching has ended");
      },
    });
    this.#sweeping = setInterval(() => void this.#sweep(), SWEEP_MS).unref();
  }

  /** Once nobody else has the folder. */
  async begin(): Promise<void> {
    const { dir, log, report } = this.#options;
    const lock = await lockFolder(dir).catch((error: unknown) => {
      log(
        { job: "all", reason: messageOf(error) },
        "the folder of jobs of teaching has no lock against other services",
      );
      return { end() {} };
    });
    if (this.#isClosed) lock?.end();
    else if (lock === null) {
      if (!this.#isElsewhere) report(`another service has TEACH_DIR=${dir}; each needs a folder of its own`);
      this.#isElsewhere = true;
      setTimeout(() => void this.begin(), LOCK_MS).unref();
    } else {
      this.#lock = lock;
      await this.#read();
      if (this.#isElsewhere) report(null);
      this.#isElsewhere = false;
    }
  }

  async #read(): Promise<void> {
    const { dir, log } = this.#options;
    const found: Job[] = [];
    const names = await namesIn(dir).catch((error: unknown) => {
      log({ job: "all", reason: messageOf(error) }, "the jobs of teaching cannot be read");
      return [];
    });
    // What else lies there is not this service's.
    for (const name of names.filter((one) => JOB_ID.test(one))) {
      const path = join(dir, name);
      try {
        const folder = await JobFolder.read(path);
        if (folder === null) await rm(path, { recursive: true, force: true });
        else found.push(this.#add(folder));
      } catch (error) {
        log({ job: name, reason: messageOf(error) }, "a job of teaching cannot be read, and is passed over");
      }
    }
    await this.#sweep();
    const startOf = ({ facts }: Job) => (facts.state === "waiting" ? facts.changed : "");
    const byStart = found.toSorted((a, b) => startOf(a).localeCompare(startOf(b)));
    for (const job of byStart) if (!job.isRemoved) await this.#resume(job);
  }

  async create(caller: string, asked: NewJob): Promise<TeachJob> {
    this.#refuseElsewhere();
    const named = (field: "base" | "compare", name: string) => {
      const { id, version } = findModel(this.#options.zoo, field, name).manifest;
      return `${id}@${version}`;
    };
    const base = named("base", asked.base);
    const compare = asked.compare && named("compare", asked.compare);
    const owner = ownerOf(caller);
    const giveBack = this.#room.reserve(owner);
    const job = randomUUID();
    const created = new Date().toISOString();
    try {
      const folder = await JobFolder.create(join(this.#options.dir, job), {
        ...{ id: job, caller: owner, state: "collecting", created, changed: created },
        asked: { ...asked, base, compare },
        ...{ interruptions: 0, remarks: [], problem: null, result: null, runBytes: 0 },
      });
      giveBack();
      return this.#add(folder).json();
    } catch (error) {
      giveBack();
      throw asStorageProblem(error, "jobs", "TEACH_DIR");
    }
  }

  list(caller: string): Iterable<TeachJob> {
    this.#refuseElsewhere();
    const owner = ownerOf(caller);
    const own = [...this.#jobs.values()].filter((job) => job.caller === owner);
    return inWords(own.toSorted((a, b) => (a.facts.created > b.facts.created ? -1 : 1)));
  }

  find(caller: string, job: string): TeachJob {
    return this.#of(caller, job).json();
  }

  photosOf(caller: string, job: string): TeachPhoto[] {
    return [...this.#of(caller, job).folder.photos.values()];
  }

  async putPhoto(caller: string, id: string, { content, ...said }: GivenPhoto): Promise<void> {
    const job = this.#of(caller, id);
    const found = await sha256(content);
    if (found !== said.sha256)
      throw new AppError(
        "field_invalid",
        `The address names SHA-256 ${said.sha256}, and the photo that came has ${found}.`,
      );
    const photo = { ...said, bytes: content.length };
    await job.change(async () => {
      job.refuseActive();
      const isThere = job.folder.photos.has(found);
      await this.#room.forPhoto(job, photo, () => job.folder.put(photo, isThere ? null : content));
    });
  }

  async removePhoto(caller: string, id: string, photo: string): Promise<void> {
    const job = this.#of(caller, id);
    await job.change(async () => {
      job.refuseActive();
      if (job.folder.photos.has(photo)) await job.folder.drop(photo);
    });
  }

  async start(caller: string, id: string): Promise<TeachJob> {
    const job = this.#of(caller, id);
    await job.change(async () => {
      if (job.isActive) return;
      if (job.folder.photos.size === 0 && !job.facts.asked.from_feedback)
        throw new AppError("field_invalid", "The job has no photos yet; put some for each class.");
      const { base, compare } = job.facts.asked;
      findModel(this.#options.zoo, "base", base);
      if (compare !== undefined) findModel(this.#options.zoo, "compare", compare);
      await job.folder.save({ state: "waiting", interruptions: 0, remarks: [], problem: null, result: null });
      this.#line.push(job);
    });
    return job.json();
  }

  async cancel(caller: string, id: string): Promise<TeachJob> {
    const job = this.#of(caller, id);
    await job.change(async () => {
      if (!job.isActive) return;
      await job.folder.save({ state: "cancelled", remarks: [...job.remarks] });
      this.#line.drop(job);
    });
    return job.json();
  }

  async remove(caller: string, id: string): Promise<void> {
    await this.#remove(this.#of(caller, id));
  }

  watch(caller: string, id: string, listener: JobListener): () => void {
    const leave = this.#of(caller, id).watch(listener);
    const forget = this.#readers.add(caller, () => {
      leave();
      listener(null);
    });
    return () => {
      leave();
      forget();
    };
  }

  async openFile(caller: string, id: string, name: ResultFile): Promise<StoredFile> {
    const job = this.#of(caller, id);
    refuseWithoutResult(job);
    const path = name === RUN_PLACES.zip ? job.folder.pathOf(name) : modelPath(job, name);
    const bytes = await sizeOf(path);
    if (bytes === null) throw new AppError("not_found", `The result has no file ${name}.`);
    return { bytes, content: createReadStream(path) };
  }

  async registration(
    caller: string,
    id: string,
    asked: NewModel,
    hold: (bytes: number) => void,
  ): Promise<Registration> {
    const job = this.#of(caller, id);
    refuseWithoutResult(job);
    const manifest = JSON.parse(await readFile(modelPath(job, "manifest.json"), "utf8")) as Manifest;
    const fileOf = async (name: string) => {
      hold((await sizeOf(modelPath(job, name))) ?? 0);
      const bytes = await readFile(modelPath(job, name));
      return { name, bytes, sha256: await sha256(bytes) };
    };
    const { bytes, ...graph } = await fileOf("graph.pb");
    const { id: modelId = manifest.id, version, title = manifest.title, description = manifest.description } = asked;
    return {
      ...{ id: modelId, version },
      graph: { ...graph, pieces: [bytes], byteLength: bytes.length },
      labels: await fileOf("labels.txt"),
      settings: { overrides: {}, labelOffset: null },
      examples: [],
      manifest: JSON.stringify({ ...manifest, title, description }),
    };
  }

  status(): TeachStatus {
    return {
      waiting: this.#line.waiting,
      running: this.#line.running,
      bytes: this.#room.bytes,
      ended: { ...this.#ended },
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#sweeping);
    for (const job of this.#jobs.values()) job.dismiss();
    await this.#line.close();
    this.#lock?.end();
    this.#lock = null;
  }

  #refuseElsewhere(): void {
    if (!this.#isElsewhere) return;
    const detail =
      "Another service has the folder of jobs of teaching (TEACH_DIR), and each needs one of its own. This one takes jobs once that one has ended.";
    throw new AppError("engine_unavailable", detail, { retryAfterSeconds: LOCK_RETRY_SECONDS });
  }

  #of(caller: string, id: string): Job {
    this.#refuseElsewhere();
    const job = this.#jobs.get(id);
    if (job?.caller === ownerOf(caller)) return job;
    throw new AppError("job_unknown", "You have no job of this id; it may have been removed.");
  }

  #add(folder: JobFolder): Job {
    const job = new Job(folder, {
      aheadOf: (one) => this.#line.aheadOf(one),
      changed: (one) => this.#room.count(one),
    });
    this.#jobs.set(job.facts.id, job);
    this.#room.add(job);
    return job;
  }

  async #resume(job: Job): Promise<void> {
    const { state, interruptions } = job.facts;
    if (state === "running") {
      const isLast = interruptions + 1 >= INTERRUPTIONS_MAX;
      const detail = `The service ended ${INTERRUPTIONS_MAX} times while this ran, so it does not go on by itself; start it again.`;
      await job
        .change(() =>
          job.folder.save({
            interruptions: interruptions + 1,
            ...(isLast ? { state: "failed", problem: { code: "engine_failed", detail } } : { state: "interrupted" }),
          }),
        )
        .catch((error: unknown) => this.#options.log({ job: job.facts.id, reason: messageOf(error) }, "a job is lost"));
    }
    if (job.isActive) this.#line.push(job);
  }

  async #remove(job: Job): Promise<void> {
    await job.change(async () => {
      job.isRemoved = true;
      this.#jobs.delete(job.facts.id);
      this.#line.drop(job);
      job.dismiss();
    });
    // Its run may wait for a change, which is refused from now on.
    await this.#line.settled(job);
    this.#room.remove(job);
    await job.folder.remove();
  }

  /** Removes jobs that nobody has changed for long. */
  async #sweep(): Promise<void> {
    const since = new Date(Date.now() - DAY_MS * this.#options.limits.teachDaysMax).toISOString();
    for (const job of [...this.#jobs.values()]) {
      if (job.isActive || job.facts.changed >= since) continue;
      const { id } = job.facts;
      await this.#remove(job).then(
        () => this.#options.log({ job: id }, "a job of teaching was removed for its age"),
        (error: unknown) => this.#options.log({ job: id, reason: messageOf(error) }, "a job of teaching stays"),
      );
    }
  }
}

function modelPath(job: Job, name: string): string {
  return job.folder.pathOf(RUN_PLACES.models, job.facts.asked.id, name);
}

/** Each when it is asked for: a job of many classes takes some milliseconds. */
function* inWords(jobs: readonly Job[]): Generator<TeachJob> {
  for (const job of jobs) yield job.json();
}

function refuseWithoutResult(job: Job): void {
  const { state, result } = job.facts;
  if (result === null) throw new AppError("job_busy", `The job has no result: it is ${state}.`);
}
