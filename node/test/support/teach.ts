/** Jobs of teaching of a service with a fake engine, whose runs are `teach-program.mjs`. */
import { createHash } from "node:crypto";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Config } from "../../src/config.js";
import type { TeachJob } from "../../src/generated/api.js";
import type { ApiKeys, ModelZoo, Role } from "../../src/ports.js";
import type { TeachLimits } from "../../src/teach/job-room.js";
import { openTeachJobs } from "../../src/teach/jobs.js";
import { startChild } from "./engines.js";
import { type FakeService, startFakeService } from "./fake-service.js";

const LIMITS: TeachLimits = {
  teachBytesMax: 1_000_000,
  teachMemoryBytesMax: 1_000_000,
  teachJobsMax: 100,
  teachPhotosMax: 20,
  teachMinutesMax: 5,
  teachDaysMax: 30,
};

const HOLDERS: Readonly<Record<string, Role>> = { root: "admin", ann: "models", bob: "models", eve: "infer" };
const KEYS: ApiKeys = {
  find: (key) => (HOLDERS[key] === undefined ? undefined : { name: key, role: HOLDERS[key] }),
};

export const sha256Of = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest("hex");

export interface Answered {
  readonly status: number;
  readonly body: Record<string, unknown> & TeachJob;
}

/** A folder of jobs, and the service that has it; the service may be ended and started again. */
export class Teaching {
  service!: FakeService;
  /** What the service said of why it takes no jobs. */
  readonly reports: (string | null)[] = [];

  private constructor(
    readonly dir: string,
    private readonly limits: TeachLimits,
    private readonly config: Partial<Config>,
  ) {}

  static async start(limits: Partial<TeachLimits> = {}, config: Partial<Config> = {}): Promise<Teaching> {
    const dir = await mkdtemp(join(tmpdir(), "menagerie-teach-"));
    const teaching = new Teaching(dir, { ...LIMITS, ...limits }, config);
    await teaching.open();
    return teaching;
  }

  /** Another service on the same folder, which stays this one's. */
  async beside(): Promise<Teaching> {
    const other = new Teaching(this.dir, this.limits, this.config);
    await other.open();
    return other;
  }

  get jobsDir(): string {
    return join(this.dir, "jobs");
  }

  private get diaryFile(): string {
    return join(this.dir, "diary");
  }

  async open(): Promise<void> {
    const jobs = (zoo: ModelZoo) =>
      openTeachJobs({
        dir: this.jobsDir,
        limits: this.limits,
        zoo,
        licenceOf: async () => null,
        program: {
          file: new URL("./teach-program.mjs", import.meta.url),
          settings: { diary: this.diaryFile },
          settingsWithFeedback: { diary: this.diaryFile, store: "feedback" },
          start: startChild,
        },
        settleFeedback: () => appendFile(this.diaryFile, "settled\n"),
        log: () => {},
        report: (problem) => this.reports.push(problem),
      });
    this.service = await startFakeService(this.config, KEYS, undefined, null, jobs);
  }

  /** What runs were begun, as `data photos`, and before which of them what was said of answers was settled. */
  async diary(): Promise<string[]> {
    return (await readFile(this.diaryFile, "utf8").catch(() => "")).split("\n").slice(0, -1);
  }

  /** The same once there are so many. */
  async begun(count: number): Promise<string[]> {
    for (;;) {
      const runs = await this.diary();
      if (runs.length >= count) return runs;
      await delay(10);
    }
  }

  async ask(path: string, method = "GET", body?: object | Uint8Array | string, key = "ann"): Promise<Answered> {
    const isPhoto = typeof body === "string" || body instanceof Uint8Array;
    const response = await fetch(`${this.service.url}/api/teach${path}`, {
      method,
      headers: { "x-api-key": key, "content-type": isPhoto ? "image/png" : "application/json" },
      ...(body !== undefined && { body: isPhoto ? (body as BodyInit) : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
  }

  put(job: string, label: string, photo: string, key = "ann"): Promise<Answered> {
    return this.ask(`/${job}/photos/${sha256Of(photo)}?label=${label}&name=${label}.png`, "PUT", photo, key);
  }

  /** A job with a photo of each of two classes; its id. */
  async job(data = "done", key = "ann"): Promise<string> {
    const { body } = await this.ask("", "POST", { base: "colours", data }, key);
    await this.put(body.id, "cat", `cat of ${data}`, key);
    await this.put(body.id, "dog", `dog of ${data}`, key);
    return body.id;
  }

  async started(data?: string, key?: string): Promise<string> {
    const id = await this.job(data, key);
    await this.ask(`/${id}/start`, "POST", undefined, key);
    return id;
  }

  async until(id: string, state: TeachJob["state"], key = "ann"): Promise<TeachJob> {
    for (;;) {
      const { body } = await this.ask(`/${id}`, "GET", undefined, key);
      if (body.state === state) return body;
      await delay(10);
    }
  }

  async close(): Promise<void> {
    await this.service.close();
    await rm(this.dir, { recursive: true });
  }
}
