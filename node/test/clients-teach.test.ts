/** What both clients ask of jobs of teaching, and how they follow one. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient, type TaughtFile, type TeachJob } from "../src/client/index.js";
import { ROOT_DIR } from "../src/config.js";
import { RESULT_FILES } from "../src/teach-jobs.js";
import { type Asked, HAS_PYTHON, HERE, PYTHON_CLIENT } from "./support/clients.js";
import { problem, type Reply, startScripted } from "./support/scripted-service.js";
import { sha256Of, Teaching } from "./support/teach.js";

const SCRIPT = pathToFileURL(join(ROOT_DIR, "node/dist/client/index.js")).href;
const LANGUAGES = [
  ["js", process.execPath, "teach.mjs", SCRIPT],
  ...(HAS_PYTHON ? [["python", "python3", "teach.py", ""] as const] : []),
] as const;

describe.each(HERE)("the client in %s", (_name, ask) => {
  const answerOf = async <T>(url: string, asked: Asked) => {
    const outcome = await ask(url, asked);
    if ("error" in outcome) throw new Error(`${outcome.error.code}: ${outcome.error.message}`);
    return outcome.answer as T;
  };

  describe("of a service that teaches", () => {
    let at: Teaching;
    beforeAll(async () => {
      at = await Teaching.start();
    });
    afterAll(() => at.close());

    const call = <T = TeachJob>(method: Asked["method"], asked: Omit<Asked, "method"> = {}) =>
      answerOf<T>(at.service.url, { method, key: "ann", ...asked });
    const put = (id: string, photo: string, label: string, fields = {}) =>
      call<string>("teach.putPhoto", { id, images: [photo], label, fields });

    it("goes from photos to a registered model", async () => {
      const { id } = await call("teach.create", { fields: { base: "colours", mirror: false } });
      expect(await put(id, "a cat", "cat")).toBe(sha256Of("a cat"));
      await put(id, "a dog & more", "dog & more", { name: "dög.png" });
      await put(id, "an owl", "owl");
      await call("teach.removePhoto", { id, label: sha256Of("an owl") });
      expect(await call("teach.photos", { id })).toEqual([
        { sha256: sha256Of("a cat"), label: "cat", name: sha256Of("a cat").slice(0, 12), bytes: 5 },
        { sha256: sha256Of("a dog & more"), label: "dog & more", name: "dög.png", bytes: 12 },
      ]);
      expect(await call("teach.jobs")).toMatchObject([{ id, state: "collecting", mirror: false }]);
      expect(["waiting", "running"]).toContain((await call("teach.start", { id })).state);
      const told = await call<TeachJob[]>("teach.follow", { id });
      expect(told.at(-1)).toEqual(await call("teach.job", { id }));
      expect(told.at(-1)).toMatchObject({ state: "done", result: { labels: ["cat", "dog & more"] } });
      expect(await call("teach.download", { id, label: "model.zip" })).toBe("archive");
      expect(await call("teach.download", { id, label: "labels.txt" })).toBe("cat\ndog & more\n");
      expect(JSON.parse(await call<string>("teach.download", { id, label: "manifest.json" }))).toMatchObject({
        id: "taught",
      });
      const model = `pets-${id.slice(0, 8)}`;
      expect(await call("teach.register", { id, fields: { id: model } })).toMatchObject({ id: model, version: "1" });
      expect(await call("teach.register", { id, fields: { id: model } })).toMatchObject({ id: model });
      await call("teach.remove", { id });
      expect(await ask(at.service.url, { method: "teach.job", id, key: "ann" })).toMatchObject({
        error: { code: "job_unknown", status: 404 },
      });
    });

    it("cancels a run, whose follower hears of it", async () => {
      const id = await at.started("hold");
      const told = call<TeachJob[]>("teach.follow", { id });
      await at.until(id, "running");
      expect(await call("teach.cancel", { id })).toMatchObject({ state: "cancelled" });
      expect((await told).at(-1)?.state).toBe("cancelled");
      const outcome = await ask(at.service.url, { method: "teach.download", id, label: "graph.pb", key: "ann" });
      expect(outcome).toMatchObject({ error: { code: "job_busy", status: 409 } });
    });
  });

  it("follows a job over connections that end, break, are refused and fall silent", async () => {
    const silent = { ...events("running"), isOpen: true };
    const { url, seen } = await startScripted(
      events("waiting"),
      "close",
      problem(503, "overloaded"),
      silent,
      events("interrupted", "running", "done"),
    );
    const told = await answerOf<TeachJob[]>(url, { method: "teach.follow", id: "a/b", timeoutMs: 2500, retriesMax: 0 });
    expect(told.map(({ state }) => state)).toEqual(["waiting", "running", "interrupted", "running", "done"]);
    expect(new Set(seen.map(({ request }) => request.url))).toEqual(new Set(["/api/teach/a%2Fb/events"]));
  });

  it("waits for as long as the service asks, since more photos come than requests may in a minute", async () => {
    const full = problem(429, "rate_limited", { "retry-after": "1" });
    const impatient = { id: "x", retriesMax: 0, waitMsMax: 1 } as const;
    const put = await startScripted(full, { status: 204, body: "" });
    const asked = { ...impatient, method: "teach.putPhoto", images: ["a cat"], label: "cat" } as const;
    expect(await answerOf(put.url, asked)).toBe(sha256Of("a cat"));
    const follow = await startScripted(full, events("done"));
    expect(await answerOf(follow.url, { ...impatient, method: "teach.follow" })).toEqual([{ state: "done" }]);
    const late = await startScripted(problem(429, "rate_limited", { "retry-after": "60" }));
    expect(await ask(late.url, { ...asked, timeoutMs: 5000 })).toMatchObject({ error: { code: "rate_limited" } });
  });

  it("says why a job cannot be followed", async () => {
    const refusal = await startScripted(events("running"), problem(404, "job_unknown"));
    const asked = { method: "teach.follow", id: "x", timeoutMs: 1500 } as const;
    expect(await ask(refusal.url, asked)).toMatchObject({ error: { code: "job_unknown" } });
    const page = await startScripted({ status: 200, headers: { "content-type": "text/html" }, body: "Log in" });
    expect(await ask(page.url, asked)).toMatchObject({ error: { code: "unexpected" } });
    expect(await ask(page.url, { ...asked, method: "teach.download", label: "graph.pb" })).toMatchObject({
      error: { code: "unexpected" },
    });
    const gone = await startScripted("close");
    expect(await ask(gone.url, asked)).toMatchObject({ error: { code: "unreachable" } });
  });
});

describe("docs/teach.md", () => {
  it.each(LANGUAGES)("shows in %s how to teach by program", async (language, program, file, client) => {
    const at = await Teaching.start({}, { anonymousRole: "models" });
    const dir = await mkdtemp(join(tmpdir(), "menagerie-teach-"));
    try {
      const page = await readFile(join(ROOT_DIR, "docs/teach.md"), "utf8");
      const [, example = ""] = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "s").exec(page) ?? [];
      const here = example.replace("http://localhost:8080", at.service.url).replace("flowers5", "colours");
      await writeFile(join(dir, file), here.replace("./menagerie-client.js", client));
      for (const label of ["cat", "dog"]) {
        await mkdir(join(dir, "photos", label), { recursive: true });
        await writeFile(join(dir, "photos", label, "1.png"), label);
      }
      const env = { ...process.env, PYTHONPATH: dirname(PYTHON_CLIENT), PYTHONDONTWRITEBYTECODE: "1" };
      const { stdout } = await promisify(execFile)(program, [file], { cwd: dir, env });
      expect(stdout).toMatch(/\ndone \nright for 2 of 2\n$/);
      expect(await readFile(join(dir, "mine.zip"), "utf8")).toBe("archive");
      const models = await fetch(`${at.service.url}/api/models/mine`);
      expect(models.status).toBe(200);
    } finally {
      await rm(dir, { recursive: true });
      await at.close();
    }
  });
});

it("a signal ends the following of a job", async () => {
  const { url } = await startScripted({ ...events("running"), isOpen: true });
  const controller = new AbortController();
  const reason = new Error("enough");
  const follow = async () => {
    for await (const _job of createClient(url).teach.follow("x", { signal: controller.signal }))
      controller.abort(reason);
  };
  await expect(follow()).rejects.toBe(reason);
});

describe("whoever ends the following of a job early", () => {
  const reason = new Error("enough");
  /** A service that tells one state and then nothing, and when its connection ended. */
  const begin = async () => {
    const { url, seen } = await startScripted({ ...events("running"), isOpen: true });
    const follow = createClient(url).teach.follow("x");
    expect(await follow.next()).toEqual({ done: false, value: { state: "running" } });
    const [request] = seen.map(({ request }) => request);
    return { follow, seen, isClosed: () => request?.socket.destroyed };
  };

  it.each([
    ["return", (follow: AsyncGenerator) => follow.return(undefined), undefined],
    ["throw", (follow: AsyncGenerator) => follow.throw(reason), reason],
  ])("by %s() in JavaScript closes its connection and opens no other", async (_name, end, thrown) => {
    const { follow, seen, isClosed } = await begin();
    expect(
      await end(follow).then(
        () => undefined,
        (error: unknown) => error,
      ),
    ).toBe(thrown);
    await expect.poll(isClosed).toBe(true);
    expect(await follow.next()).toEqual({ done: true, value: undefined });
    expect(seen).toHaveLength(1);
  });

  it.skipIf(!HAS_PYTHON).each([
    ["close()", "ended"],
    ["throw(OSError('enough'))", "OSError: enough"],
    ["throw(ValueError('enough'))", "ValueError: enough"],
  ])("by %s in Python closes its connection and opens no other", async (call, said) => {
    const { url, seen } = await startScripted({ ...events("running"), isOpen: true });
    const program = `
import sys
from menagerie_client import Client
follow = Client(sys.argv[1]).teach.follow("x")
next(follow)
try:
    follow.${call}
    print("ended")
except Exception as error:
    print(f"{type(error).__name__}: {error}")
print(next(follow, "nothing"), flush=True)
sys.stdin.read()`;
    const env = { ...process.env, PYTHONPATH: dirname(PYTHON_CLIENT), PYTHONDONTWRITEBYTECODE: "1" };
    const child = spawn("python3", ["-c", program, url], { env, stdio: ["pipe", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (text: Buffer) => {
      output += text;
    });
    await expect.poll(() => output).toBe(`${said}\nnothing\n`);
    await expect.poll(() => seen[0]?.request.socket.destroyed).toBe(true);
    expect(seen).toHaveLength(1);
    child.stdin.end();
    await once(child, "close");
  });
});

it("the client of JavaScript names the files that a result has", () => {
  const files = ["model.zip", "graph.pb", "labels.txt", "manifest.json"] satisfies TaughtFile[];
  expect(RESULT_FILES).toEqual(files);
});

function events(...states: readonly TeachJob["state"][]): Reply {
  const text = states.map((state) => `: \n\nevent: job\ndata: ${JSON.stringify({ state })}\n\n`);
  return { status: 200, headers: { "content-type": "text/event-stream" }, body: text.join("") };
}
