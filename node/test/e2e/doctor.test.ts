/** `menagerie doctor` beside set-ups that are broken, each in one way: one thing is red, and the command that mends it is said. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkDisk, hindranceOf } from "../../src/doctor/disk.js";
import type { Finding } from "../../src/doctor/finding.js";
import { checkProcessor } from "../../src/doctor/processor.js";
import { runCommand } from "../support/command.js";
import { startFakeS3 } from "../support/fake-s3.mjs";
import { makeColourZoo, startServer } from "../support/server.js";

const HASH = "a".repeat(64);
const SET_UP = "node scripts/setup.mjs";
const MIB = 1024 * 1024;

let dir: string;
let zoo: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "menagerie-doctor-"));
  zoo = await makeColourZoo();
});
afterAll(async () => {
  await rm(dir, { recursive: true });
  await rm(zoo, { recursive: true });
});

async function examine(environment: Record<string, string> = {}) {
  const env = {
    HOST: "127.0.0.1",
    PORT: "0",
    MODELS_DIR: zoo,
    REGISTERED_MODELS_DIR: join(dir, "models"),
    FEEDBACK_DIR: join(dir, "feedback"),
    ...environment,
  };
  const { stdout, exitCode } = await runCommand(["doctor", "--json"], { cwd: dir, env });
  const findings = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Finding);
  return { findings, exitCode, red: findings.filter(({ state }) => state === "red") };
}

/** The one finding that is red. */
async function redOf(environment: Record<string, string>): Promise<Finding> {
  const { red, exitCode, findings } = await examine(environment);
  expect(exitCode).toBe(1);
  expect(red, JSON.stringify(findings)).toHaveLength(1);
  const [finding] = red;
  if (finding === undefined) throw new Error("one finding is red");
  return finding;
}

/** A program that answers `check` as the engine does. */
async function engineThatSays(lines: string): Promise<string> {
  const path = join(dir, "engine.sh");
  await writeFile(path, `#!/bin/sh\ncat <<'END'\n${lines}\nEND\n`);
  await chmod(path, 0o755);
  return path;
}

describe("a set-up that is whole", () => {
  it("has nothing that is red, one finding a check", async () => {
    const { findings, red, exitCode } = await examine();
    expect(red).toEqual([]);
    expect(exitCode).toBe(0);
    expect(findings.map(({ check }) => check)).toEqual([
      "settings",
      "processor",
      "library",
      "sandbox",
      "port",
      "disk",
      "feedback",
      "zoo",
      "keys",
      "page",
    ]);
    const [library] = findings.filter(({ check }) => check === "library");
    expect(library?.found).toMatch(/^libtensorflow \d+\.\d+\.\d+ \(.+\), (oneDNN|Eigen), loads in \d+ ms/);
  });

  it("is shown in a line each, with the command below what is not green", async () => {
    const env = { HOST: "127.0.0.1", PORT: "0", MODELS_DIR: zoo, WEB_DIR: dir };
    const { stdout, exitCode } = await runCommand(["doctor"], { cwd: dir, env });
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^green {2}settings {3}can be used$/m);
    expect(stdout).toMatch(new RegExp(`^red {4}page {7}.+\n +-> ${SET_UP}$`, "m"));
  });

  it("may have a service of its own that runs", async () => {
    const server = await startServer({ MODELS_DIR: zoo, GRPC_PORT: "0" });
    const [, GRPC_PORT = ""] = / and gRPC .*:(\d+)/.exec(server.announcement) ?? [];
    const { findings, exitCode } = await examine({ PORT: new URL(server.url).port, GRPC_PORT });
    expect(findings.find(({ check }) => check === "port")).toMatchObject({
      state: "green",
      found: expect.stringContaining("is served by a Menagerie"),
    });
    if (process.platform === "linux") {
      expect(findings.find(({ check }) => check === "grpc port")?.found).toContain(`process ${server.child.pid})`);
    }
    expect(exitCode).toBe(0);
    await server.stop();
  });
});

describe("is told of, with what mends it:", () => {
  it("a setting out of its range", async () => {
    const finding = await redOf({ IMAGE_BYTES_MAX: "many" });
    expect(finding).toMatchObject({ check: "settings", mend: "env --unset=IMAGE_BYTES_MAX npm start" });
    expect(finding.found).toContain("IMAGE_BYTES_MAX=many");
  });

  it("an engine that was not built", async () => {
    expect(await redOf({ ENGINE_PATH: join(dir, "none") })).toMatchObject({ check: "library", mend: SET_UP });
  });

  it("a libtensorflow that cannot be loaded", async () => {
    const folder = join(dir, "library");
    await mkdir(folder);
    for (const name of ["libtensorflow.so", "libtensorflow.dylib"]) await writeFile(join(folder, name), "no library");
    const finding = await redOf({ LIBTENSORFLOW_PATH: folder });
    expect(finding).toMatchObject({ check: "library", mend: `env --unset=LIBTENSORFLOW_PATH ${SET_UP}` });
    expect(finding.found).toMatch(/libtensorflow at .* cannot be loaded/);
  });

  it("an engine that ends at once", async () => {
    const finding = await redOf({ ENGINE_PATH: process.platform === "darwin" ? "/usr/bin/false" : "/bin/false" });
    expect(finding).toMatchObject({ check: "library", found: expect.stringContaining("the engine cannot be run") });
  });

  it("a sandbox with a gap, where it is required; a warning where it is not", async () => {
    const gap = "landlock: this kernel has none";
    const ENGINE_PATH = await engineThatSays(
      `libtensorflow    2.21.0 (x)\nkernels          oneDNN\nstart            9 ms\nheld             seccomp\nmissing          ${gap}`,
    );
    expect(await redOf({ ENGINE_PATH, SANDBOX: "required" })).toMatchObject({
      check: "sandbox",
      found: `missing: ${gap}; holds: seccomp`,
      mend: "SANDBOX=best-effort npm start",
    });
    const { findings, exitCode } = await examine({ ENGINE_PATH });
    expect(findings.find(({ check }) => check === "sandbox")?.state).toBe("amber");
    expect(exitCode).toBe(0);
  });

  describe("a port", () => {
    let taken: Server;
    let port: number;
    beforeAll(async () => {
      taken = createServer((socket) => socket.end("hello\n")).listen(0, "127.0.0.1");
      await once(taken, "listening");
      ({ port } = taken.address() as AddressInfo);
    });
    afterAll(() => taken.close());

    it("that another program holds, which is named", async () => {
      const finding = await redOf({ PORT: String(port) });
      expect(finding).toMatchObject({ check: "port", mend: `PORT=${port + 1} npm start` });
      if (process.platform === "linux") expect(finding.found).toContain(`process ${process.pid})`);
    });

    it("of gRPC that another program holds", async () => {
      const finding = await redOf({ GRPC_PORT: String(port) });
      expect(finding).toMatchObject({ check: "grpc port", mend: `GRPC_PORT=${port + 1} npm start` });
    });

    it("of an address that is not this machine's", async () => {
      // Of the block for documentation, RFC 5737.
      const finding = await redOf({ HOST: "203.0.113.1", ANONYMOUS_ROLE: "infer" });
      expect(finding).toMatchObject({ check: "port", mend: "env --unset=HOST npm start" });
      expect(finding.found).toContain("is no address of this machine");
    });
  });

  it("a folder of registered models that cannot be made", async () => {
    await writeFile(join(dir, "file"), "");
    const finding = await redOf({ REGISTERED_MODELS_DIR: join(dir, "file/models") });
    expect(finding).toMatchObject({ check: "disk", mend: "env --unset=REGISTERED_MODELS_DIR npm start" });
  });

  it("a folder that this user may not write to, and nothing above it is given away", async () => {
    const mendOf = async (path: string) => (await hindranceOf(path, "FEEDBACK_DIR", async () => false))?.mend;
    expect(await mendOf(dir)).toBe(`sudo chown -R "$(id -u)" ${dir}`);
    const missing = join(dir, "none/of/these");
    expect(await mendOf(missing)).toBe(`sudo install -d -o "$(id -u)" ${missing}`);
  });

  it("a disk that is full, or nearly", async () => {
    const config = { registeredModelsDir: join(dir, "models"), registeredBytesMax: 4096 * MIB };
    const states = [100, 1000, 10_000].map(async (free) => (await checkDisk(config, async () => free * MIB)).state);
    expect(await Promise.all(states)).toEqual(["red", "amber", "green"]);
  });

  it("a folder for answers that cannot be made", async () => {
    await writeFile(join(dir, "file"), "");
    const finding = await redOf({ FEEDBACK_DIR: join(dir, "file/feedback") });
    expect(finding).toMatchObject({ check: "feedback", mend: "env --unset=FEEDBACK_DIR npm start" });
  });

  it("a store of answers that is damaged", async () => {
    const FEEDBACK_DIR = join(dir, "damaged");
    await mkdir(FEEDBACK_DIR);
    await writeFile(join(FEEDBACK_DIR, "feedback.sqlite"), "no database, whatever it is called".repeat(100));
    const finding = await redOf({ FEEDBACK_DIR });
    expect(finding).toMatchObject({ check: "feedback", mend: "FEEDBACK_DIR=/another/folder npm start" });
    expect(finding.found).toContain("not a database");
  });

  it("a database that cannot be reached, without its password", async () => {
    const finding = await redOf({ DATABASE_URL: "postgres://nobody:secret@127.0.0.1:1/nothing" });
    expect(finding).toMatchObject({ check: "feedback", mend: "env --unset=DATABASE_URL npm start" });
    expect(finding.found).not.toContain("secret");
  });

  it("a bucket that is not there, or lets a change overwrite another", async () => {
    const s3 = await startFakeS3("models");
    try {
      const { findings } = await examine({ ...s3.environment, MODELS_STORE: "s3://models/mine" });
      expect(findings).toContainEqual(expect.objectContaining({ check: "bucket", state: "green" }));
      const mend = "env --unset=MODELS_STORE npm start";
      const missing = await redOf({ ...s3.environment, MODELS_STORE: "s3://others" });
      expect(missing).toMatchObject({ check: "bucket", found: expect.stringContaining("NoSuchBucket"), mend });
      s3.ignoreConditions();
      const careless = await redOf({ ...s3.environment, MODELS_STORE: "s3://models" });
      expect(careless).toMatchObject({ check: "bucket", found: expect.stringContaining("If-Match"), mend });
    } finally {
      await s3.stop();
    }
  });

  it("a folder of the zoo that is not there", async () => {
    expect(await redOf({ MODELS_DIR: join(dir, "none") })).toMatchObject({
      check: "zoo",
      mend: "env --unset=MODELS_DIR npm start",
    });
  });

  it("a model whose file is another one", async () => {
    const own = join(dir, "zoo");
    await cp(zoo, own, { recursive: true });
    const graph = await readFile(join(own, "colours/graph.pb"));
    await cp(join(own, "colours"), join(own, "shades"), { recursive: true });
    const manifest = JSON.parse(await readFile(join(own, "shades/manifest.json"), "utf8")) as object;
    await writeFile(join(own, "shades/manifest.json"), JSON.stringify({ ...manifest, id: "shades", default: false }));
    await writeFile(join(own, "shades/graph.pb"), Buffer.from(graph).fill(0, 0, 1));
    const finding = await redOf({ MODELS_DIR: own });
    expect(finding).toMatchObject({ check: "zoo", mend: "npx menagerie check shades" });
    expect(finding.found).toMatch(/^shades: .*SHA-256/);
  });

  it("a manifest that cannot be read", async () => {
    const own = join(dir, "zoo-2");
    await cp(zoo, own, { recursive: true });
    await mkdir(join(own, "shades"));
    await writeFile(join(own, "shades/manifest.json"), "{");
    expect(await redOf({ MODELS_DIR: own })).toMatchObject({ check: "zoo", mend: "npx menagerie check shades" });
  });

  describe("a file of keys", () => {
    const keys = () => join(dir, "keys.txt");

    it("that is not there", async () => {
      const mend = `npx menagerie key --role infer >> ${keys()}-none`;
      expect(await redOf({ API_KEYS_FILE: `${keys()}-none` })).toMatchObject({ check: "keys", mend });
    });

    it("with a line that is none", async () => {
      await writeFile(keys(), `infer ${HASH} phone\nnonsense\n`, { mode: 0o600 });
      const mend = `\${EDITOR:-vi} +2 ${keys()}`;
      expect(await redOf({ API_KEYS_FILE: keys() })).toMatchObject({
        check: "keys",
        found: expect.stringContaining("line 2"),
        mend,
      });
    });

    it("that others may write to, until the command was run", async () => {
      await writeFile(keys(), `infer ${HASH} phone\n`);
      await chmod(keys(), 0o666);
      const { check, mend } = await redOf({ API_KEYS_FILE: keys() });
      expect([check, mend]).toEqual(["keys", `chmod go-w ${keys()}`]);
      execFileSync("sh", ["-c", mend ?? ""]);
      const { findings } = await examine({ API_KEYS_FILE: keys() });
      expect(findings.find((finding) => finding.check === "keys")?.found).toBe(`1 in ${keys()}`);
    });

    it("that a public address lacks", async () => {
      expect(await redOf({ HOST: "0.0.0.0", ANONYMOUS_ROLE: "none" })).toMatchObject({
        check: "keys",
        mend: "HOST=127.0.0.1 npm start",
      });
    });
  });

  it("a page that was not built", async () => {
    expect(await redOf({ WEB_DIR: dir })).toMatchObject({ check: "page", mend: SET_UP });
  });

  it.each([
    ["sse sse2", "red"],
    ["sse avx", "amber"],
    ["sse avx avx2 fma", "green"],
  ])("a processor with %s: %s", async (flags, state) => {
    const cpuinfo = join(dir, "cpuinfo");
    await writeFile(cpuinfo, `processor\t: 0\nflags\t\t: ${flags}\n`);
    expect((await checkProcessor("x64", cpuinfo)).state).toBe(state);
    expect((await checkProcessor("arm64", cpuinfo)).state).toBe("green");
  });
});
