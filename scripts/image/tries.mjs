/** What is asked of an image that runs. */
import assert from "node:assert/strict";
import { chmodSync, cpSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT_DIR } from "../setup/paths.mjs";
import { defaultSeccomp, start } from "./runtime.mjs";
import { run } from "./store.mjs";

const MEMORY_BYTES_MAX = 512 * 1024 * 1024;
const PROFILE = join(ROOT_DIR, "deploy/seccomp/menagerie.json");
const HEALTH_MS_MAX = 60_000;
/** Tenths of a second that a line of the log may take to come. */
const LOG_WAITS = 50;

/** @typedef {{ what: string, seen: string, problem: string | null }} Try */
/** @typedef {import("./runtime.mjs").Image} Image */
/** @typedef {import("./runtime.mjs").Container} Container */
/** @typedef {import("./runtime.mjs").Options} Options */

/**
 * @param {Image} image
 * @returns {Promise<Try[]>}
 */
export async function tryAll(image) {
  const runtime = defaultSeccomp();
  const own = JSON.parse(readFileSync(PROFILE, "utf8"));
  return [
    await attempt("512 MiB, the runtime's own seccomp profile", async () => {
      assert.ok(runtime, "this machine has no copy of the runtime's profile (golang-github-containers-common)");
      forgetPages(join(image.root, "menagerie/.cache"));
      return await inContainer(image, { seccomp: runtime }, asUsersExpect(image));
    }),
    await attempt("512 MiB, `deploy/seccomp/menagerie.json`", () =>
      inContainer(image, { seccomp: own }, async (container) => {
        const photo = await classify(container, "daisy-1.jpg");
        return `${describe(photo)}; ${await cellOf(container)}`;
      }),
    ),
    await attempt("a graph and its labels on /mnt/models, as KServe mounts them", () => serveMounted(image, own)),
    await attempt("`TZ` and `HTTPS_PROXY`", () => withEnvironment(image, own)),
    await attempt("a volume of another user", () => withForeignVolume(image, own)),
  ];
}

/**
 * @param {string} what
 * @param {() => Promise<string>} look
 * @returns {Promise<Try>}
 */
async function attempt(what, look) {
  try {
    return { what, seen: await look(), problem: null };
  } catch (error) {
    return { what, seen: "", problem: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * @param {Image} image
 * @param {Omit<Options, "port" | "memoryBytesMax">} options
 * @param {(container: Container) => Promise<string>} look
 */
async function inContainer(image, options, look) {
  const container = await start(image, { memoryBytesMax: MEMORY_BYTES_MAX, port: await freePort(), ...options });
  let code = null;
  try {
    return await look(container);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${why}\n${container.log()}`);
  } finally {
    code = await container.stop();
    assert.equal(code, 0, `SIGTERM ended it with ${code}: ${container.log()}`);
  }
}

/**
 * Lets the kernel's cache of files go, so that the container's cgroup counts what it reads, as on a machine that never ran it.
 * @param {string} dir
 */
function forgetPages(dir) {
  for (const name of readdirSync(dir, { recursive: true, encoding: "utf8" })) {
    const path = join(dir, name);
    if (lstatSync(path).isFile()) run("dd", [`if=${path}`, "iflag=nocache", "count=0", "status=none"]);
  }
}

/**
 * @param {Image} image
 * @returns {(container: Container) => Promise<string>}
 */
const asUsersExpect = (image) => async (container) => {
  await untilHealthy(image, container);
  const began = performance.now();
  const photo = await classify(container, "daisy-1.jpg");
  const ms = performance.now() - began;
  assert.equal(photo.label, "daisy");
  const user = "Object.values(os.userInfo()).slice(0, 3).join()";
  assert.equal(await container.exec(["node", "-p", user]), "1000,1000,menagerie");
  const write = (/** @type {string} */ dir) => ["node", "-e", `fs.writeFileSync("/menagerie/${dir}/new", "")`];
  await assert.rejects(container.exec(write("models")), /read-only file system/);
  await container.exec(write("data"));
  const cell = await cellOf(container);
  const memory = container.memoryBytes();
  return [
    `listens after ${(container.msToListen / 1000).toFixed(1)} s, healthy`,
    `first photo in ${(ms / 1000).toFixed(1)} s: ${describe(photo)}`,
    cell,
    memory === undefined
      ? "memory not counted"
      : `${mib(memory.own)} MiB of memory of its own, ${mib(memory.peak)} MiB at most with the cache of files, which the kernel takes back`,
    "SIGTERM ends it with 0",
  ].join("; ");
};

/**
 * @param {Image} image
 * @param {object} seccomp
 */
async function serveMounted(image, seccomp) {
  const dir = mkdtempSync(join(tmpdir(), "menagerie-mounted-"));
  try {
    chmodSync(dir, 0o755);
    cpSync(join(ROOT_DIR, "models/waste6/graph.pb"), join(dir, "frozen.pb"));
    cpSync(join(ROOT_DIR, "models/waste6/labels.txt"), join(dir, "labels.txt"));
    const environment = { MODELS_DIR: "/mnt/models", MODEL_ID: "rubbish" };
    return await inContainer(image, { seccomp, environment, mounts: { "/mnt/models": dir } }, async (container) => {
      const photo = await classify(container, "glass-1.jpg", { model: "rubbish" });
      assert.equal(photo.label, "glass");
      return `\`rubbish\` answers ${describe(photo)}`;
    });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/**
 * @param {Image} image
 * @param {object} seccomp
 */
async function withEnvironment(image, seccomp) {
  /** @type {string[]} */
  const asked = [];
  const proxy = createHttpServer().on("connect", ({ url = "" }, socket) => {
    asked.push(url);
    socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  });
  const port = await freePort();
  proxy.listen(port, "127.0.0.1");
  const address = `http://127.0.0.1:${port}`;
  const environment = { TZ: "Asia/Tokyo", HTTPS_PROXY: address, HTTP_PROXY: address, LOG_FORMAT: "pretty" };
  try {
    return await inContainer(image, { seccomp, environment }, async (container) => {
      await untilHealthy(image, container);
      const hour = await container.exec(["node", "-p", "new Date(0).getHours()"]);
      assert.equal(hour, "9", "the hour is not that of Tokyo");
      await container.exec(["node", "-e", "fetch('https://example.invalid/').catch(() => {})"]);
      assert.deepEqual(asked, ["example.invalid:443"]);
      return "the pretty log has the hour of `TZ`; what is fetched is asked of the proxy, the health check is not";
    });
  } finally {
    proxy.close();
  }
}

/**
 * @param {Image} image
 * @param {object} seccomp
 */
async function withForeignVolume(image, seccomp) {
  return await inContainer(image, { seccomp, volumeUser: 0 }, async (container) => {
    const photo = await classify(container, "daisy-1.jpg");
    const saysSo = () => /EACCES|permission/i.test(container.log());
    for (let waits = 0; waits < LOG_WAITS && !saysSo(); waits++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(saysSo(), "nothing in its log says so");
    return `answers ${describe(photo)}; its log says that nothing can be kept`;
  });
}

/**
 * @param {Container} container
 * @param {string} photo
 * @param {Readonly<Record<string, string>>} [fields]
 */
async function classify({ url }, photo, fields = {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  form.set("image_file", new Blob([readFileSync(join(ROOT_DIR, "models/samples", photo))]), photo);
  const response = await fetch(`${url}/infer?format=json`, { method: "POST", body: form });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const { results } = /** @type {{ results: { label: string, band: string }[] }} */ (JSON.parse(text));
  const [result] = results;
  assert.ok(result);
  return result;
}

const mib = (/** @type {number} */ bytes) => Math.round(bytes / 1024 / 1024);

/** @param {{ label: string, band: string }} answer */
const describe = ({ label, band }) => `${label}, ${band} confidence`;

/**
 * @param {Container} container
 * @returns {Promise<string>} what confines the engines
 */
async function cellOf({ url }) {
  const ready =
    /** @type {{ engine: { sandbox: { held: string[], missing: { name: string, reason: string }[] } } }} */ (
      await (await fetch(`${url}/readyz`)).json()
    );
  const { held, missing } = ready.engine.sandbox;
  assert.deepEqual(missing, [], "the cell lacks something");
  return `the cell holds ${held.join(", ")}, and nothing is missing`;
}

/**
 * @param {Image} image
 * @param {Container} container
 */
async function untilHealthy({ config }, { exec }) {
  const [kind, ...check] = config.Healthcheck?.Test ?? [];
  assert.equal(kind, "CMD", "the image has no health check");
  for (const end = performance.now() + HEALTH_MS_MAX; ; await new Promise((resolve) => setTimeout(resolve, 250))) {
    try {
      return await exec(check);
    } catch (error) {
      if (performance.now() > end) throw error;
    }
  }
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
