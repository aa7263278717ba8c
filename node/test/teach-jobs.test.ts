/** Jobs of teaching: who may do what with them, their limits, their line, and what becomes of them when something ends. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { TeachPhoto } from "../src/generated/api.js";
import { LOCK_FILE, lockFolder } from "../src/teach/folder-lock.js";
import { Job } from "../src/teach/job.js";
import { JobFolder } from "../src/teach/job-folder.js";
import { RESULT_FILES } from "../src/teach-jobs.js";
import { startFakeService } from "./support/fake-service.js";
import { FOLDER_LOCK_FILE } from "./support/paths.js";
import { isRunning } from "./support/server.js";
import { sha256Of, Teaching } from "./support/teach.js";

let teaching: Teaching | undefined;
afterEach(async () => {
  await teaching?.close();
  teaching = undefined;
});

async function start(...args: Parameters<typeof Teaching.start>): Promise<Teaching> {
  teaching = await Teaching.start(...args);
  return teaching;
}

/** What is in the folder of jobs, but for what says whose it is. */
async function foldersOf(at: Teaching): Promise<string[]> {
  return (await readdir(at.jobsDir)).filter((name) => name !== LOCK_FILE);
}

/** On disk, of its photos, their list, and what is known of it. */
async function bytesOf(at: Teaching, id: string): Promise<number> {
  const folder = join(at.jobsDir, id);
  const files = (await readdir(join(folder, "photos"))).map((name) => join(folder, "photos", name));
  const sizes = await Promise.all(
    [...files, join(folder, "photos.jsonl"), join(folder, "job.json")].map(async (file) => (await stat(file)).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

const CALLS = [
  ["GET", ""],
  ["GET", "/photos"],
  ["POST", "/start"],
  ["POST", "/cancel"],
  ["GET", "/events"],
  ["GET", "/model.zip"],
  ["DELETE", `/photos/${"0".repeat(64)}`],
  ["DELETE", ""],
] as const;

describe("a job", () => {
  it("is its caller's alone, and takes the role models", async () => {
    const at = await start();
    const id = await at.job();
    for (const [method, path] of CALLS) {
      const [strange, weak] = [
        await at.ask(`/${id}${path}`, method, undefined, "bob"),
        await at.ask(`/${id}${path}`, method, undefined, "eve"),
      ];
      expect([strange.status, strange.body["code"]], path).toEqual([404, "job_unknown"]);
      expect([weak.status, weak.body["code"]], path).toEqual([403, "forbidden"]);
    }
    const others = await at.ask("", "POST", { base: "colours", from_feedback: true });
    expect([others.status, others.body["code"]], "photos of others' answers").toEqual([403, "forbidden"]);
    expect((await at.put(id, "cat", "another", "bob")).body["code"]).toBe("job_unknown");
    expect((await at.ask(`/${id}/register`, "POST", {}, "bob")).body["code"]).toBe("job_unknown");
    expect((await at.ask("", "GET", undefined, "bob")).body["jobs"]).toEqual([]);
    expect((await at.ask("")).body["jobs"]).toMatchObject([{ id, photos: 2 }]);
  });

  it.each([
    [{ base: "nobody" }, "model_unknown"],
    [{ base: "colours@9" }, "version_unknown"],
    [{ base: "listed" }, "engine_unavailable"],
    [{ base: "damaged" }, "engine_unavailable"],
    [{}, "field_invalid"],
    [{ base: "colours", compare: "nobody" }, "model_unknown"],
    [{ base: "colours", compare: "damaged" }, "engine_unavailable"],
    [{ base: "colours", seed: -1 }, "field_invalid"],
    [{ base: "colours", id: "../x" }, "field_invalid"],
    [{ base: "colours", title: "two\nlines" }, "field_invalid"],
    [{ base: "colours", mirrors: true }, "field_invalid"],
  ])("of %j is refused with %s, and nothing is kept", async (asked, code) => {
    const at = await start();
    expect((await at.ask("", "POST", asked)).body["code"]).toBe(code);
    expect((await at.ask("")).body["jobs"]).toEqual([]);
  });

  it("has no name and no address on disk of whose it is, also one of a version that wrote them", async () => {
    const at = await start();
    const id = await at.job();
    const file = join(at.jobsDir, id, "job.json");
    const facts = JSON.parse(await readFile(file, "utf8"));
    expect(facts.caller).toBe(sha256Of("key ann"));
    await at.service.close();
    await writeFile(file, JSON.stringify({ ...facts, caller: "key ann" }));
    await at.open();
    expect((await at.ask(`/${id}`)).body).toMatchObject({ id, photos: 2 });
    expect((await at.ask(`/${id}`, "GET", undefined, "bob")).status).toBe(404);
    await at.ask(`/${id}/start`, "POST");
    await at.until(id, "done");
    expect(JSON.parse(await readFile(file, "utf8")).caller).toBe(facts.caller);
  });

  it("is put in words once for all who hear of a change", async () => {
    const at = await start();
    const id = await at.job();
    const headers = { "x-api-key": "ann" };
    const readers = await Promise.all(
      [1, 2, 3].map(async () => {
        const { body } = await fetch(`${at.service.url}/api/teach/${id}/events`, { headers });
        const events = body?.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
        return async () => (await events?.next())?.value;
      }),
    );
    const hear = () => Promise.all(readers.map((read) => read()));
    await hear();
    const worded = vi.spyOn(Job.prototype, "json");
    onTestFinished(() => worded.mockRestore());
    await at.put(id, "cat", "a third");
    expect(await hear()).toEqual(Array(3).fill(expect.stringContaining('"photos":3')));
    expect(worded).toHaveBeenCalledOnce();
  });

  it("has no calls where teaching is off", async () => {
    const service = await startFakeService();
    const response = await fetch(`${service.url}/api/teach`);
    expect([response.status, await response.text()]).toEqual([404, expect.stringContaining("TEACH=off")]);
    await service.close();
  });
});

describe("a folder of jobs", () => {
  it("is one service's: another one says so and goes on without jobs, until that one has ended", async () => {
    const at = await start();
    const id = await at.job();
    const other = await at.beside();
    onTestFinished(() => other.service.close());
    for (const [method, path, body] of [
      ["GET", ""],
      ["POST", "", { base: "colours" }],
      ["GET", `/${id}`],
      ["DELETE", `/${id}`],
    ] as const) {
      const refused = await other.ask(path, method, body);
      expect([refused.status, refused.body["code"], refused.body["detail"]], `${method} ${path}`).toEqual([
        503,
        "engine_unavailable",
        expect.stringMatching(/^Another service has the folder .*TEACH_DIR/),
      ]);
    }
    expect(other.reports).toEqual([expect.stringContaining(`TEACH_DIR=${at.jobsDir}`)]);
    const headers = { "x-api-key": "ann", "content-type": "image/png" };
    expect((await fetch(`${other.service.url}/infer`, { method: "POST", headers, body: "red" })).status).toBe(200);
    expect((await at.ask(`/${id}`)).status).toBe(200);

    await at.service.close();
    await expect.poll(async () => (await other.ask("")).body["jobs"]).toMatchObject([{ id, photos: 2 }]);
    expect(other.reports.slice(1)).toEqual([null]);
    expect(at.reports).toEqual([]);
  });

  it("is free again once the process that had it is killed", async () => {
    const dir = await mkdtemp(join(tmpdir(), "menagerie-lock-"));
    onTestFinished(() => rm(dir, { recursive: true }));
    const program = `
      import { lockFolder } from ${JSON.stringify(pathToFileURL(FOLDER_LOCK_FILE).href)};
      await lockFolder(${JSON.stringify(dir)});
      console.log("locked");
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    expect(await lockFolder(dir)).toBeNull();
    child.kill("SIGKILL");
    await once(child, "exit");
    const lock = await lockFolder(dir);
    expect(lock).not.toBeNull();
    lock?.end();
  });
});

describe("photos of a job", () => {
  it("are kept by their bytes, move to another label, and go", async () => {
    const at = await start();
    const id = await at.job();
    await at.put(id, "dog", "cat of done");
    const { body } = await at.ask(`/${id}/photos`);
    expect(body["photos"]).toEqual(
      expect.arrayContaining([{ sha256: sha256Of("cat of done"), label: "dog", name: "dog.png", bytes: 11 }]),
    );
    expect((await at.ask(`/${id}`)).body).toMatchObject({
      photos: 2,
      bytes: await bytesOf(at, id),
      classes: [{ label: "dog", photos: 2 }],
    });
    expect((await at.ask(`/${id}/photos/${sha256Of("cat of done")}`, "DELETE")).status).toBe(204);
    expect((await at.ask(`/${id}/photos/${sha256Of("cat of done")}`, "DELETE")).status).toBe(204);
    expect((await at.ask(`/${id}`)).body).toMatchObject({ photos: 1, bytes: await bytesOf(at, id) });
    expect(await readdir(join(at.jobsDir, id, "photos"))).toEqual([sha256Of("dog of done")]);
  });

  it("are called by the end of any name that can be read", async () => {
    const at = await start();
    const id = await at.job();
    const named = async (name: string) => {
      const address = `/${id}/photos/${sha256Of("cat of done")}?label=cat&name=${encodeURIComponent(name)}`;
      expect((await at.ask(address, "PUT", "cat of done")).status).toBe(204);
      const { body } = await at.ask(`/${id}/photos`);
      return (body["photos"] as unknown as TeachPhoto[]).find(({ label }) => label === "cat")?.name;
    };
    expect(await named('caf\u00e9 "1"\n\u202e2.jpg')).toBe('caf\u00e9 "1" \ufffd2.jpg');
    expect(await named(`${"a".repeat(300)}\u{1f98a}.jpg`)).toBe(`${"a".repeat(195)}\u{1f98a}.jpg`);
    expect(await named(" \t ")).toBe(sha256Of("cat of done").slice(0, 12));
  });

  it("have a list that does not grow with each move, and is counted", async () => {
    const at = await start();
    const id = await at.job();
    const moves = 400;
    for (let move = 0; move < moves; move += 1) await at.put(id, `${"l".repeat(180)}${move}`, "cat of done");
    const { bytes } = (await at.ask(`/${id}`)).body;
    expect(bytes).toBe(await bytesOf(at, id));
    expect(bytes).toBeLessThan(70_000);
    await at.service.close();
    await at.open();
    expect((await at.ask(`/${id}`)).body).toMatchObject({
      bytes: await bytesOf(at, id),
      classes: [{ label: "dog" }, { label: `${"l".repeat(180)}${moves - 1}` }],
    });
  });

  it.each([
    ["another hash", `/photos/${sha256Of("other")}?label=cat`, /names SHA-256/],
    ["no hash", "/photos/cat.png?label=cat", /names no SHA-256/],
    ["no label", `/photos/${sha256Of("photo")}`, /label/],
    ["a label of white space", `/photos/${sha256Of("photo")}?label=%20`, /label/],
    ["a label of two lines", `/photos/${sha256Of("photo")}?label=a%0Ab`, /label/],
    ["two labels", `/photos/${sha256Of("photo")}?label=a&label=b`, /label may be sent once/],
    ["a misspelt field", `/photos/${sha256Of("photo")}?lable=a`, /did you mean label/],
  ])("are refused with %s", async (_what, path, detail) => {
    const at = await start();
    const id = await at.job();
    const { status, body } = await at.ask(`/${id}${path}`, "PUT", "photo");
    expect([status, body["detail"]]).toEqual([400, expect.stringMatching(detail)]);
    expect((await at.ask(`/${id}`)).body.photos).toBe(2);
  });

  it("are refused past the limits of a photo, of a job and of all bytes, and those that are there stay", async () => {
    const at = await start({ teachPhotosMax: 3, teachBytesMax: 3000 }, { imageBytesMax: 1000 });
    const id = await at.job();
    expect((await at.put(id, "cat", "x".repeat(1001))).body["code"]).toBe("upload_too_large");
    const full = await at.put(id, "cat", "x".repeat(900));
    expect([full.status, full.body["code"]]).toEqual([507, "storage_full"]);
    expect(full.body["detail"]).toMatch(/TEACH_BYTES_MAX.*delete/);
    expect((await at.put(id, "cat", "x".repeat(400))).status).toBe(204);
    expect((await at.put(id, "cat", "one more")).body["detail"]).toMatch(/at most 3 photos \(TEACH_PHOTOS_MAX\)/);
    expect((await at.put(id, "dog", "x".repeat(400))).status, "it moves").toBe(204);
    const other = await at.job("done", "bob");
    expect((await at.put(other, "cat", "y".repeat(10), "bob")).status, "what one leaves is another's").toBe(204);
    await at.ask(`/${id}`, "DELETE");
    expect((await at.put(other, "cat", "z".repeat(300), "bob")).body["code"]).toBe("field_invalid");
    expect((await at.ask(`/${other}`, "GET", undefined, "bob")).body.photos).toBe(3);
  });

  it("have names and labels that are counted in memory, of all jobs of a caller, also after a restart", async () => {
    const at = await start({ teachMemoryBytesMax: 20_000 });
    const id = await at.job();
    const long = "l".repeat(200);
    const put = (label: string, photo: string, key = "ann", job = id) => at.put(job, label, photo, key);
    let count = 0;
    let last = await put(long, "0");
    for (; last.status === 204 && count < 17; count += 1) last = await put(long, `${count + 1}`);
    expect([last.status, last.body["code"]]).toEqual([507, "storage_full"]);
    expect(last.body["detail"]).toMatch(/TEACH_MEMORY_BYTES_MAX.*delete/);
    expect(count, "of about 1 kB each").toBeGreaterThan(4);
    const longer = await put(long, "cat of done");
    expect([longer.status, longer.body["code"]], "one that is there").toEqual([507, "storage_full"]);
    expect((await put("tac", "cat of done")).status, "no longer than before").toBe(204);
    const other = await at.job("done", "bob");
    expect((await put(long, "0", "bob", other)).status, "what one leaves is another's").toBe(204);
    await at.service.close();
    await at.open();
    expect((await put(long, "one more")).body["detail"]).toMatch(/TEACH_MEMORY_BYTES_MAX/);
    expect((await put(long, "1", "bob", other)).status).toBe(204);
    for (const photo of ["0", "1"]) await at.ask(`/${id}/photos/${sha256Of(photo)}`, "DELETE");
    expect((await put("dog", "one more")).status).toBe(204);
  });

  it("hold no more of a request in memory than what they are called", { timeout: 60_000 }, async () => {
    const dir = await mkdtemp(join(tmpdir(), "menagerie-teach-"));
    onTestFinished(() => rm(dir, { recursive: true }));
    const caller = "key ann";
    const asked = { base: "colours@1", id: "taught", data: "photos", mirror: true, other: false, from_feedback: false };
    const folder = await JobFolder.create(join(dir, "job"), {
      ...{ id: "job", caller, state: "collecting", created: "", changed: "", asked: { ...asked, seed: 1 } },
      ...{ interruptions: 0, remarks: [], problem: null, result: null, runBytes: 0 },
    });
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let photo = 0; photo < 200; photo += 1) {
      const address = `${sha256Of(`${photo}`)}?label=a label that is cut out&name=${"n".repeat(100_000)}`;
      const [sha256, label] = [address.slice(0, 64), address.slice(71, 93)];
      await folder.put({ sha256, label, name: label, bytes: 1 }, new Uint8Array(1));
    }
    collect();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(5_000_000);
    expect(folder.photos.size).toBe(200);
  });

  it("stay as they were while the job runs", async () => {
    const at = await start();
    const id = await at.started("hold");
    await at.until(id, "running");
    for (const { status, body } of [
      await at.put(id, "cat", "another"),
      await at.ask(`/${id}/photos/${sha256Of("cat of hold")}`, "DELETE"),
    ])
      expect([status, body["code"], body["detail"]]).toEqual([
        409,
        "job_busy",
        expect.stringContaining("cancel it first"),
      ]);
    expect((await at.ask(`/${id}`)).body.photos).toBe(2);
  });

  it("are refused when the disk does not take them, and nothing is counted", async () => {
    const at = await start();
    const id = await at.job();
    const before = await bytesOf(at, id);
    await rename(join(at.jobsDir, id, "photos"), join(at.dir, "away"));
    await writeFile(join(at.jobsDir, id, "photos"), "no folder");
    const { status, body } = await at.put(id, "cat", "another");
    expect([status, body["code"]]).toEqual([507, "storage_full"]);
    expect(body["detail"]).toContain("TEACH_DIR");
    expect((await at.ask(`/${id}`)).body).toMatchObject({ photos: 2, bytes: before });
    await rm(join(at.jobsDir, id, "photos"));
    await rename(join(at.dir, "away"), join(at.jobsDir, id, "photos"));
    expect((await at.put(id, "cat", "another")).status).toBe(204);
  });
});

describe("the number of jobs", () => {
  it("is bounded, and one caller leaves as many to others as it has", async () => {
    const at = await start({ teachJobsMax: 5 });
    const [first] = [await at.job(), await at.job()];
    const full = await at.ask("", "POST", { base: "colours" });
    expect([full.status, full.body["code"]]).toEqual([507, "storage_full"]);
    expect(full.body["detail"]).toMatch(/TEACH_JOBS_MAX.*delete one/);
    expect((await at.ask("", "POST", { base: "colours" }, "bob")).status).toBe(201);
    await at.ask(`/${first}`, "DELETE");
    expect((await at.ask("", "POST", { base: "colours" })).status).toBe(201);
    expect(await foldersOf(at)).toHaveLength(3);
  });
});

describe("a run", () => {
  it("that comes alone has nothing before it", async () => {
    const at = await start();
    const begun = await at.ask(`/${await at.job("hold")}/start`, "POST");
    expect(begun.status).toBe(202);
    expect(begun.body["ahead"] ?? 0).toBe(0);
  });

  it("is one at a time, by turns of the callers, and holds no permit", async () => {
    const at = await start();
    const first = await at.started("hold 1");
    await at.begun(1);
    const mine = [await at.started("mine 1"), await at.started("mine 2")];
    const other = await at.started("other", "bob");
    expect((await at.ask(`/${mine[0]}`)).body).toMatchObject({ state: "waiting", ahead: 2 });
    expect((await at.ask(`/${mine[1]}`)).body).toMatchObject({ state: "waiting", ahead: 3 });
    expect((await at.ask(`/${other}`, "GET", undefined, "bob")).body).toMatchObject({ ahead: 2 });
    expect(at.service.held()).toEqual({ requests: 0, waiting: 0, bytes: 0 });
    await at.ask(`/${first}/cancel`, "POST");
    await at.until(mine[1] ?? "", "done");
    expect(await at.diary()).toEqual(["hold 1 2", "mine 1 2", "other 2", "mine 2 2"]);
  });

  it("is told of the store of feedback only where it takes photos from there, once what was said is settled", async () => {
    const at = await start();
    const { body } = await at.ask("", "POST", { base: "colours", data: "corrected", from_feedback: true }, "root");
    await at.ask(`/${body.id}/start`, "POST", undefined, "root");
    await at.begun(2);
    await at.until(await at.started("own"), "done");
    expect(await at.diary()).toEqual(["settled", "corrected 0 and feedback", "own 2"]);
  });

  it("leaves files and a model that can be registered, and begins anew with other photos", async () => {
    const at = await start();
    const id = await at.started();
    const done = await at.until(id, "done");
    expect(done).toMatchObject({ remarks: ["2 photos"], result: { labels: ["cat", "dog"], bytes: 7 } });
    const file = async (name: string) =>
      await (await fetch(`${at.service.url}/api/teach/${id}/${name}`, { headers: { "x-api-key": "ann" } })).text();
    const names = RESULT_FILES.map(async (name) => {
      const { headers } = await fetch(`${at.service.url}/api/teach/${id}/${name}`, { headers: { "x-api-key": "ann" } });
      return headers.get("content-disposition")?.replace("attachment; filename=", "");
    });
    expect(await Promise.all(names)).toEqual(
      [".zip", ".pb", "-labels.txt", "-manifest.json"].map((ending) => `taught${ending}`),
    );
    expect([await file("model.zip"), await file("labels.txt")]).toEqual(["archive", "cat\ndog\n"]);
    await at.put(id, "owl", "an owl");
    expect((await at.ask(`/${id}`)).body).toMatchObject({ state: "done", result: { labels: ["cat", "dog"] } });
    await at.ask(`/${id}/start`, "POST");
    expect(await at.until(id, "done")).toMatchObject({ result: { labels: ["cat", "dog", "owl"] } });
    const registered = await at.ask(`/${id}/register`, "POST", { id: "pets", title: "Pets" });
    expect([registered.status, registered.body.id]).toEqual([201, "pets"]);
    const again = await at.ask(`/${id}/register`, "POST", { id: "pets", title: "Pets" });
    expect(again.status).toBe(200);
  });

  it.each(["model.zip", "graph.pb", "labels.txt", "manifest.json"])("that was not there leaves no %s", async (name) => {
    const at = await start();
    const { status, body } = await at.ask(`/${await at.job()}/${name}`);
    expect([status, body["code"]]).toEqual([409, "job_busy"]);
  });

  it("has the model that it is compared with beside its base, as long as it takes", async () => {
    const at = await start();
    const { body } = await at.ask("", "POST", { base: "colours", compare: "colours", data: "hold" });
    expect(body).toMatchObject({ base: "colours@1", compare: "colours@1" });
    await at.put(body.id, "cat", "a cat");
    await at.ask(`/${body.id}/start`, "POST");
    await at.begun(1);
    const copied = await readFile(join(at.jobsDir, body.id, "compare/manifest.json"), "utf8");
    expect(JSON.parse(copied)).toMatchObject({ id: "colours" });
    await at.ask(`/${body.id}/cancel`, "POST");
    await at.until(await at.started(), "done");
    expect(await readdir(join(at.jobsDir, body.id))).toEqual(["job.json", "photos", "photos.jsonl"]);
  });

  it("of no photos is refused", async () => {
    const at = await start();
    const { body } = await at.ask("", "POST", { base: "colours" });
    expect((await at.ask(`/${body.id}/start`, "POST")).body["detail"]).toContain("no photos yet");
  });

  it.each([
    ["crash", "engine_failed", "SIGKILL"],
    ["late", "engine_failed", "SIGKILL"],
    ["refuse", "field_invalid", "Too few photos."],
  ])("that ends by %s has failed with %s, and leaves nothing to serve", async (data, code, words) => {
    const at = await start();
    const id = await at.started(data);
    const failed = await at.until(id, "failed");
    expect(failed.problem).toMatchObject({ code, detail: expect.stringContaining(words) });
    expect(failed.result).toBeUndefined();
    expect((await at.ask(`/${id}/register`, "POST", { id: "half" })).body["code"]).toBe("job_busy");
    expect((await at.ask(`/${id}/start`, "POST")).status).toBe(202);
  });

  it("that takes too long has failed, and the next one runs", async () => {
    const at = await start({ teachMinutesMax: 0.05 });
    const [long, next] = [await at.started("hold"), await at.started("next")];
    expect((await at.until(long, "failed")).problem).toMatchObject({ code: "engine_timeout" });
    await at.until(next, "done");
  });

  it.each(["hold", "stubborn"])("that is cancelled ends (%s), and may be started again", async (data) => {
    const at = await start();
    const id = await at.started(data);
    await at.begun(1);
    expect((await at.ask(`/${id}/cancel`, "POST")).body.state).toBe("cancelled");
    expect((await at.put(id, "cat", "another")).status).toBe(204);
    await at.ask(`/${id}/start`, "POST");
    expect(await at.begun(2)).toEqual([`${data} 2`, `${data} 3`]);
    expect((await at.ask(`/${id}`, "DELETE")).status).toBe(204);
    expect(await foldersOf(at)).toEqual([]);
  });
});

it("a run that does not come back from a call ends with the service, however that ends", async () => {
  const service = spawn(process.execPath, [fileURLToPath(new URL("./fixtures/hung-run.mjs", import.meta.url))]);
  const [pid] = (await once(createInterface(service.stdout), "line")) as [string];
  expect(isRunning(Number(pid))).toBe(true);
  service.kill("SIGKILL");
  await expect.poll(() => isRunning(Number(pid))).toBe(false);
});

describe("after a restart", () => {
  it("jobs, photos and results are there, and what waited or ran goes on", async () => {
    const at = await start();
    const done = await at.started("done");
    const before = await at.until(done, "done");
    const collecting = await at.job("collecting");
    const running = await at.started("hold");
    await at.begun(2);
    const waiting = await at.started("waiting");
    await at.service.close();
    const stored = JSON.parse(await readFile(join(at.jobsDir, running, "job.json"), "utf8"));
    expect(stored).toMatchObject({ state: "interrupted", interruptions: 0 });
    await at.open();
    expect((await at.ask(`/${done}`)).body).toEqual(before);
    expect((await at.ask(`/${collecting}`)).body).toMatchObject({ state: "collecting", photos: 2 });
    await at.begun(3);
    expect((await at.ask(`/${waiting}`)).body).toMatchObject({ state: "waiting", ahead: 1 });
    await at.ask(`/${running}/cancel`, "POST");
    await at.until(waiting, "done");
    expect(await at.diary()).toEqual(["done 2", "hold 2", "hold 2", "waiting 2"]);
  });

  /** Ends the service, and changes what it left of a job. */
  async function left(at: Teaching, id: string, change: object): Promise<void> {
    await at.service.close();
    const path = join(at.jobsDir, id, "job.json");
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...change }));
    await at.open();
  }

  it("a job whose run was killed with the service goes on twice, then has failed and says why", async () => {
    const at = await start();
    const id = await at.started("hold");
    for (const interruptions of [0, 1]) {
      await at.until(id, "running");
      await left(at, id, { state: "running", interruptions });
    }
    await at.until(id, "running");
    await left(at, id, { state: "running", interruptions: 2 });
    expect((await at.until(id, "failed")).problem?.detail).toContain("3 times");
    expect((await at.ask(`/${id}/start`, "POST")).status).toBe(202);
  });

  it("a result that was whole when the service was killed is taken over, and nothing is run again", async () => {
    const at = await start();
    const id = await at.started("late");
    await at.until(id, "failed");
    await left(at, id, { state: "running", problem: null });
    expect((await at.until(id, "done")).result).toMatchObject({ labels: ["cat", "dog"] });
    expect(await at.diary()).toEqual(["late 2"]);
  });

  it("photos that were half written are gone, and the others are there", async () => {
    const at = await start();
    const id = await at.job();
    await at.service.close();
    const index = join(at.jobsDir, id, "photos.jsonl");
    await writeFile(index, `${await readFile(index, "utf8")}{"sha256":"ab`);
    await writeFile(join(at.jobsDir, id, "photos", "orphan"), "half");
    await at.open();
    expect((await at.put(id, "owl", "an owl")).status).toBe(204);
    await at.service.close();
    await at.open();
    expect((await at.ask(`/${id}`)).body).toMatchObject({ photos: 3, bytes: await bytesOf(at, id) });
    expect(await readdir(join(at.jobsDir, id, "photos"))).toHaveLength(3);
  });

  it("a job that was half made or half removed is gone, and one that cannot be read is passed over", async () => {
    const at = await start();
    const [half, broken, whole] = [await at.job(), await at.job(), await at.job()];
    await at.service.close();
    await rm(join(at.jobsDir, half, "job.json"));
    await writeFile(join(at.jobsDir, broken, "job.json"), "{");
    await mkdir(join(at.jobsDir, "another's"));
    await at.open();
    expect((await at.ask("")).body["jobs"]).toMatchObject([{ id: whole }]);
    expect((await foldersOf(at)).toSorted()).toEqual(["another's", broken, whole].toSorted());
  });

  it("a job that nobody has changed for long is gone", async () => {
    const at = await start({ teachDaysMax: 2 });
    const [old, young] = [await at.started(), await at.job()];
    await at.until(old, "done");
    await utimes(join(at.jobsDir, old, "photos.jsonl"), 0, 0);
    await left(at, old, { changed: new Date(Date.now() - 3 * 86_400_000).toISOString() });
    expect((await at.ask("")).body["jobs"]).toMatchObject([{ id: young }]);
    expect(await foldersOf(at)).toEqual([young]);
  });
});

it("a run fails before it begins where jobs take all the bytes that they may", async () => {
  const at = await start({ teachBytesMax: 2700 });
  const [first, second] = [await at.job("large"), await at.job()];
  await at.ask(`/${first}/start`, "POST");
  expect((await at.until(first, "done")).bytes).toBeGreaterThan(2700);
  await at.ask(`/${second}/start`, "POST");
  expect((await at.until(second, "failed")).problem).toMatchObject({
    code: "storage_full",
    detail: expect.stringMatching(/TEACH_BYTES_MAX.*delete/),
  });
  await at.ask(`/${first}`, "DELETE");
  await at.ask(`/${second}/start`, "POST");
  await at.until(second, "done");
});

describe("events", () => {
  it("tell a job until its end, hold no permit, and end with the service", async () => {
    const at = await start();
    const id = await at.started("hold");
    await at.until(id, "running");
    const headers = { "x-api-key": "ann" };
    const stream = await fetch(`${at.service.url}/api/teach/${id}/events`, { headers });
    expect(at.service.held()).toEqual({ requests: 0, waiting: 0, bytes: 0 });
    await at.ask(`/${id}/cancel`, "POST");
    const states = [...(await stream.text()).matchAll(/"state":"(\w+)"/g)].map(([, state]) => state);
    expect([states[0], states.at(-1)]).toEqual(["running", "cancelled"]);
    const head = await fetch(`${at.service.url}/api/teach/${id}/events`, { method: "HEAD", headers });
    expect(head.status).toBe(200);
    const open = await fetch(`${at.service.url}/api/teach/${await at.job()}/events`, { headers });
    await at.service.close();
    expect(await open.text()).toContain('"state":"collecting"');
    await at.open();
  });

  it("of one caller have 32 readers: the first gives way to one more, and no other caller's does", async () => {
    const at = await start();
    const [own, other] = [await at.job(), await at.job("done", "bob")];
    const read = (id: string, key: string) =>
      fetch(`${at.service.url}/api/teach/${id}/events`, { headers: { "x-api-key": key } });
    const others = await read(other, "bob");
    const readers = [];
    for (let number = 0; number < 33; number += 1) readers.push(await read(own, "ann"));
    expect(await readers[0]?.text()).toContain('"state":"collecting"');
    await at.put(own, "cat", "one more");
    await at.put(other, "cat", "one more", "bob");
    await at.service.close();
    for (const one of [readers[1], readers[32], others]) expect(await one?.text()).toContain('"photos":3');
    await at.open();
  });
});

it("runs and bytes are counted for whoever watches the service", async () => {
  const at = await start({}, { metricsRole: "models" });
  await at.until(await at.started("done"), "done");
  await at.until(await at.started("crash"), "failed");
  const metrics = await fetch(`${at.service.url}/metrics`, { headers: { "x-api-key": "ann" } });
  const lines = (await metrics.text()).split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      'menagerie_teach_runs_total{state="done"} 1',
      'menagerie_teach_runs_total{state="failed"} 1',
      'menagerie_teach_jobs{state="running"} 0',
      expect.stringMatching(/^menagerie_teach_bytes [1-9]/),
    ]),
  );
});
