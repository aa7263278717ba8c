/** `/api/teach` of the service: photos to a model that it serves, by HTTP alone, with its real engine. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { unzipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TeachJob } from "../../src/generated/api.js";
import { startPostgres } from "../support/postgres.mjs";
import { childrenOf, isRunning, type RunningServer, signalAll, startServer } from "../support/server.js";
import { SHAPES, wave } from "../support/waves.js";

const PHOTOS = 8;

const postgres = await startPostgres();
let dir: string;
let server: RunningServer;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "menagerie-teach-"));
  server = await start();
});
afterAll(async () => {
  await server.stop();
  await postgres?.remove();
  await rm(dir, { recursive: true, force: true });
});

const start = (settings: Record<string, string> = {}) =>
  startServer({
    ...settings,
    TEACH_DIR: join(dir, "jobs"),
    REGISTERED_MODELS_DIR: join(dir, "registered"),
    FEEDBACK_DIR: join(dir, "feedback"),
    KEEP_IMAGES: "1",
    ENGINE_THREADS: "1",
  });

const ask = (path: string, init: RequestInit = {}) => fetch(`${server.url}/api/teach${path}`, init);
const json = async <T = TeachJob>(path: string, init: RequestInit = {}) => (await (await ask(path, init)).json()) as T;
const post = (path: string, body?: object) =>
  ask(path, {
    method: "POST",
    ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });

/** A job with photos of three classes, which come by class, or the other way about. */
async function collected(asked: object = {}, isBackwards = false): Promise<string> {
  const { id } = (await (await post("", { base: "flowers5", ...asked })).json()) as TeachJob;
  const inOrder = <Item>(items: readonly Item[]) => (isBackwards ? items.toReversed() : items);
  for (const [label, shape] of inOrder(Object.entries(SHAPES))) {
    for (const number of inOrder(Array.from({ length: PHOTOS }, (_, place) => place))) {
      const photo = wave(shape, number);
      const sha256 = createHash("sha256").update(photo).digest("hex");
      const query = new URLSearchParams({ label, name: `${label}-${number}.png` });
      const kept = await ask(`/${id}/photos/${sha256}?${query}`, {
        method: "PUT",
        body: photo,
        headers: { "content-type": "image/png" },
      });
      expect(kept.status, await kept.text()).toBe(204);
    }
  }
  return id;
}

/** The jobs that its events tell, until they end. */
async function eventsOf(id: string): Promise<TeachJob[]> {
  const response = await ask(`/${id}/events`);
  expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
  const text = await response.text();
  return [...text.matchAll(/^event: job\ndata: (.*)$/gm)].map(([, data = ""]) => JSON.parse(data) as TeachJob);
}

async function until(id: string, ...states: readonly TeachJob["state"][]): Promise<TeachJob> {
  for (;;) {
    const job = await json(`/${id}`);
    if (states.includes(job.state)) return job;
    await delay(20);
  }
}

/** The process of the run, once there is one. */
async function runBegun(): Promise<number> {
  for (;;) {
    const pid = childrenOf(server.child.pid ?? 0).find((child) => commandOf(child).includes("teach-process"));
    if (pid !== undefined) return pid;
    await delay(5);
  }
}

/** Empty for one that has ended. */
function commandOf(pid: number): string {
  return execFileSync("ps", ["-A", "-o", "pid=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => Number(line.trim().split(" ")[0]) === pid)
    .join("");
}

/** Resolves once none of the processes is there. */
async function gone(...pids: readonly number[]): Promise<void> {
  while (pids.some(isRunning)) await delay(20);
}

/** Corrects answers, teaches them along, and removes the job. */
async function teachCorrections(): Promise<void> {
  for (let number = 0; number < PHOTOS; number += 1) {
    const answered = await fetch(`${server.url}/infer?model=flowers5`, {
      method: "POST",
      headers: { "content-type": "image/png", accept: "application/json" },
      body: wave((x, y) => x * y, number),
    });
    const { request_id } = (await answered.json()) as { request_id: string };
    const said = await fetch(`${server.url}/api/feedback`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ request_id, label: "products" }),
    });
    expect(said.status, await said.text()).toBe(200);
  }
  const id = await collected({ from_feedback: true });
  await post(`/${id}/start`);
  const { state, problem, from_feedback, result } = await until(id, "done", "failed");
  expect({ state, problem, from_feedback }).toEqual({ state: "done", problem: undefined, from_feedback: true });
  expect(result?.labels).toEqual(["across", "down", "products", "rings"]);
  expect((result?.report.trained ?? 0) + (result?.report.held_out ?? 0)).toBe(4 * PHOTOS);
  expect((await ask(`/${id}`, { method: "DELETE" })).status).toBe(204);
}

/** A run takes what others leave of the processor. */
const BUSY_MS = 300_000;

describe("a job of teaching", { timeout: BUSY_MS }, () => {
  it("takes photos of the base's answers along that somebody corrected, a class of them alone too", teachCorrections);

  it.skipIf(postgres === null)("takes those that are kept in PostgreSQL", async () => {
    await server.stop();
    server = await start({ DATABASE_URL: (await postgres?.newDatabase()) ?? "" });
    await teachCorrections();
  });

  it("takes photos, tells how its run goes, and leaves a model that is registered and answers at once", async () => {
    const id = await collected();
    const before = await json(`/${id}`);
    expect(before).toMatchObject({
      state: "collecting",
      base: "flowers5@1",
      photos: 3 * PHOTOS,
      classes: Object.keys(SHAPES).map((label) => ({ label, photos: PHOTOS })),
    });
    const events = eventsOf(id);
    const begun = await post(`/${id}/start`);
    expect(begun.status).toBe(202);
    const told = await events;
    expect(told[0]?.state).toBe("collecting");
    expect(told.some(({ state, stage }) => state === "running" && stage !== undefined)).toBe(true);
    const done = told.at(-1);
    expect(done).toMatchObject({ state: "done", result: { labels: ["across", "down", "rings"], untold: [] } });
    expect(done?.result?.report.right).toBe(done?.result?.report.held_out);
    expect(done?.result?.findings.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(await json(`/${id}`)).toEqual(done);

    const zip = unzipSync(new Uint8Array(await (await ask(`/${id}/model.zip`)).arrayBuffer()));
    expect(Object.keys(zip)).toEqual(
      expect.arrayContaining(["taught/LICENSE", "taught/MODEL.md", "taught/golden.json", "taught/samples/1.png"]),
    );
    for (const name of ["graph.pb", "labels.txt", "manifest.json"]) {
      const file = Buffer.from(await (await ask(`/${id}/${name}`)).arrayBuffer());
      expect(file.equals(Buffer.from(zip[`taught/${name}`] ?? [])), name).toBe(true);
    }

    const registered = await post(`/${id}/register`, { id: "waves", title: "Waves" });
    expect(registered.headers.get("location")).toBe("/api/models/waves@1");
    expect(registered.status).toBe(201);
    expect(await registered.json()).toMatchObject({ id: "waves", confidence: { bands: expect.any(Array) } });
    expect((await post(`/${id}/register`, { id: "waves", title: "Waves" })).status).toBe(200);
    const answer = await fetch(`${server.url}/infer?model=waves`, {
      method: "POST",
      headers: { "content-type": "image/png", accept: "application/json" },
      body: wave(SHAPES.down, 3),
    });
    expect(await answer.json()).toMatchObject({ results: [{ label: "down", model: { id: "waves" } }] });
    const { models } = (await (await fetch(`${server.url}/api/models`)).json()) as { models: { id: string }[] };
    expect(models.find((model) => model.id === "waves")).toMatchObject({ title: "Waves", accuracy: { top1: 1 } });

    const backwards = await collected({}, true);
    await post(`/${backwards}/start`);
    expect((await until(backwards, "done", "failed")).result?.report, "whatever order photos come in").toEqual(
      done?.result?.report,
    );
    const graphs = [await ask(`/${id}/graph.pb`), await ask(`/${backwards}/graph.pb`)];
    const [graph, again] = await Promise.all(graphs.map(async (one) => Buffer.from(await one.arrayBuffer())));
    expect(again?.equals(graph ?? Buffer.alloc(0))).toBe(true);
    expect((await ask(`/${backwards}`, { method: "DELETE" })).status).toBe(204);

    expect((await ask(`/${id}`, { method: "DELETE" })).status).toBe(204);
    expect((await ask(`/${id}`)).status).toBe(404);
    expect(await readdir(join(dir, "jobs"))).toEqual(["in-use.sqlite"]);
  });

  it("is taught on a registered model as on one of the zoo, with other things from the zoo, and compared with it", async () => {
    const id = await collected({ base: "waves", compare: "waves", other: true });
    const [lost = ""] = await readdir(join(dir, "jobs", id, "photos"));
    await rm(join(dir, "jobs", id, "photos", lost));
    await post(`/${id}/start`);
    const done = await until(id, "done", "failed");
    expect(done.remarks).toContainEqual(expect.stringMatching(/^\w+-\d\.png is left out: .* send it again\.$/));
    expect(JSON.stringify(done), "clients are not told where folders are").not.toContain(tmpdir());
    expect(done).toMatchObject({
      ...{ state: "done", base: "waves@1", compare: "waves@1", other: true },
      result: {
        labels: ["across", "down", "other", "rings"],
        other: { n: expect.any(Number) },
        comparison: {
          old: "waves@1",
          words: expect.stringContaining("Left out are photos of what waves@1 has no label for"),
        },
      },
    });
    expect((await ask(`/${id}`, { method: "DELETE" })).status).toBe(204);
  });

  it("fails with the reason when its process is killed at any moment, and serves no half model", async () => {
    const id = await collected();
    for (const ms of [0, 300, 900]) {
      await post(`/${id}/start`);
      const pid = await runBegun();
      const engines = () => childrenOf(pid);
      await delay(ms);
      const mine = [pid, ...engines()];
      signalAll([pid], "SIGKILL");
      const ended = await until(id, "failed", "done");
      await gone(...mine);
      if (ended.state === "done") continue;
      expect(ended.problem).toMatchObject({ code: "engine_failed", detail: expect.stringContaining("SIGKILL") });
      expect(ended.result).toBeUndefined();
      expect((await ask(`/${id}/model.zip`)).status).toBe(409);
      expect((await post(`/${id}/register`, { id: "half" })).status).toBe(409);
    }
    await post(`/${id}/start`);
    expect((await until(id, "failed", "done")).state).toBe("done");
    expect((await ask(`/${id}`, { method: "DELETE" })).status).toBe(204);
  });

  it("goes on by itself after the service was killed or stopped while it ran, and ends with it", async () => {
    const id = await collected();
    await post(`/${id}/start`);
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      const pid = await runBegun();
      await until(id, "running");
      while ((await json(`/${id}`)).stage === undefined) await delay(5);
      const all = [pid, ...childrenOf(pid)];
      await server.stop(signal);
      await gone(...all);
      server = await start();
    }
    const done = await until(id, "done", "failed");
    expect(done).toMatchObject({ state: "done", result: { labels: ["across", "down", "rings"] } });
    const { status } = await post(`/${id}/register`, { id: "twice" });
    expect(status).toBe(201);
  });
});
