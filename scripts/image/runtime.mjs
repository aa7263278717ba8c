/**
 * Runs an image as a cluster would: its own user, a read-only root, no capability, no new privileges, next to no /dev/shm,
 * a memory cgroup, a seccomp filter. By runc, with the network of this machine.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { buildah, run } from "./store.mjs";

const execute = promisify(execFile);
const NAMESPACES = ["pid", "ipc", "uts", "mount", "cgroup"];
const SHM_BYTES = 64 * 1024;
const GO_ARCH = arch() === "arm64" ? "arm64" : "amd64";
const ARCHITECTURES = arch() === "arm64" ? ["SCMP_ARCH_AARCH64"] : ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"];
/** Where Debian's packages put the profile that container runtimes begin with. */
const DEFAULT_PROFILE = "/usr/share/containers/seccomp.json";

/** Paths that runtimes hide, and make read-only. */
const MASKED = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"];
const READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/**
 * @typedef {object} ImageConfig what the image says of itself
 * @property {string[]} Env
 * @property {string[]} Cmd
 * @property {string} User
 * @property {string} WorkingDir
 * @property {{ Test: string[] }} [Healthcheck]
 *
 * @typedef {object} Image
 * @property {string} root
 * @property {ImageConfig} config
 * @property {() => void} remove
 *
 * @typedef {object} Options
 * @property {number} memoryBytesMax
 * @property {number} port
 * @property {object} seccomp as the OCI's runtime specification has it
 * @property {number} [volumeUser] owner of the volume, where it is not the image's user
 * @property {Readonly<Record<string, string>>} [environment]
 * @property {Readonly<Record<string, string>>} [mounts] folders of this machine by where they are inside, read-only
 *
 * @typedef {object} Container
 * @property {string} url
 * @property {number} msToListen
 * @property {() => string} log
 * @property {(args: readonly string[]) => Promise<string>} exec runs a program inside; rejects where it fails
 * @property {() => { peak: number, own: number } | undefined} memoryBytes what its cgroup counted at most, the cache of
 *   files included, and what it holds now without it; undefined where that is not found
 * @property {() => Promise<number | null>} stop SIGTERM; resolves with the exit code
 */

/**
 * @param {string} name
 * @returns {Image}
 */
export function openImage(name) {
  const container = buildah(["from", "--pull-never", name]);
  const root = buildah(["mount", container]);
  const { config } = JSON.parse(buildah(["inspect", "--type", "image", name])).Docker;
  return { root, config, remove: () => void buildah(["rm", container]) };
}

/**
 * Starts the image's command and waits until it listens.
 * @param {Image} image
 * @param {Options} options
 * @returns {Promise<Container>}
 * @throws Error with the log of a service that ended
 */
export async function start({ root, config }, { memoryBytesMax, port, seccomp, volumeUser, ...more }) {
  const bundle = mkdtempSync(join(tmpdir(), "menagerie-container-"));
  const id = bundle.replaceAll("/", "-").slice(1);
  const user = Number(config.User.split(":")[0]);
  const volume = join(bundle, "volume");
  mkdirSync(join(volume, "models"), { recursive: true });
  for (const dir of [volume, join(volume, "models")]) chownSync(dir, volumeUser ?? user, volumeUser ?? user);
  const { environment = {}, mounts = {} } = more;
  const binds = [
    bind(volume, "/menagerie/data", "rw"),
    ...Object.entries(mounts).map(([inside, source]) => bind(source, inside, "ro")),
  ];
  const env = [...config.Env, ...Object.entries({ PORT: String(port), ...environment }).map((pair) => pair.join("="))];
  const process = { args: config.Cmd, cwd: config.WorkingDir, env: lastOfEach(env), user: { uid: user, gid: user } };
  writeFileSync(
    join(bundle, "config.json"),
    JSON.stringify({
      ociVersion: "1.0.2",
      process: { ...process, noNewPrivileges: true, capabilities: {} },
      root: { path: root, readonly: true },
      mounts: [...MOUNTS, ...binds],
      linux: {
        cgroupsPath: `/${id}`,
        namespaces: NAMESPACES.map((type) => ({ type })),
        resources: { memory: { limit: memoryBytesMax, swap: memoryBytesMax } },
        maskedPaths: MASKED,
        readonlyPaths: READ_ONLY,
        seccomp,
      },
    }),
  );
  const began = performance.now();
  const child = spawn("runc", ["run", "--bundle", bundle, id], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    log += text;
  });
  const exited = once(child, "close").then(() => rmSync(bundle, { recursive: true, force: true }));
  await Promise.race([
    once(createInterface(child.stdout), "line"),
    exited.then(() => {
      throw new Error(`the container ended with ${child.exitCode}: ${log}`);
    }),
  ]);
  return {
    url: `http://127.0.0.1:${port}`,
    msToListen: performance.now() - began,
    log: () => log,
    exec: async (args) => (await execute("runc", ["exec", id, ...args])).stdout.trim(),
    memoryBytes: () => memoryOf(id),
    async stop() {
      if (child.exitCode === null) run("runc", ["kill", id, "TERM"]);
      await exited;
      return child.exitCode;
    },
  };
}

const MOUNTS = [
  { destination: "/proc", type: "proc", source: "proc" },
  { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=64k"] },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "noexec", "nodev", "mode=1777", `size=${SHM_BYTES}`],
  },
  { destination: "/sys", type: "none", source: "/sys", options: ["rbind", "nosuid", "noexec", "nodev", "ro"] },
];

/**
 * @param {string} source
 * @param {string} destination
 * @param {"ro" | "rw"} access
 */
const bind = (source, destination, access) => ({ destination, type: "bind", source, options: ["rbind", access] });

/**
 * @param {readonly string[]} environment
 * @returns {string[]} of each variable the last one
 */
function lastOfEach(environment) {
  return [...new Map(environment.map((pair) => [pair.split("=")[0], pair])).values()];
}

/** @param {string} id */
function memoryOf(id) {
  const [dir, peak, own] = existsSync(`/sys/fs/cgroup/memory/${id}`)
    ? [`/sys/fs/cgroup/memory/${id}`, "memory.max_usage_in_bytes", "total_rss"]
    : [`/sys/fs/cgroup/${id}`, "memory.peak", "anon"];
  if (!existsSync(join(dir, peak))) return undefined;
  const counts = readFileSync(join(dir, "memory.stat"), "utf8");
  return {
    peak: Number(readFileSync(join(dir, peak), "utf8")),
    own: Number(RegExp(`^${own} (\\d+)$`, "m").exec(counts)?.[1]),
  };
}

/**
 * What Docker, containerd and CRI-O begin with (`RuntimeDefault` of Kubernetes), for a container without capabilities.
 * @returns {object | undefined} undefined where this machine has no copy of it
 */
export function defaultSeccomp() {
  if (!existsSync(DEFAULT_PROFILE)) return undefined;
  const { defaultAction, defaultErrnoRet, syscalls } = JSON.parse(readFileSync(DEFAULT_PROFILE, "utf8"));
  /** @param {{ includes?: { caps?: string[], arches?: string[] } }} rule */
  const holds = ({ includes = {} }) =>
    includes.caps === undefined && (includes.arches === undefined || includes.arches.includes(GO_ARCH));
  const rules = syscalls
    .filter(holds)
    .map((/** @type {Record<string, unknown>} */ { names, action, args, errnoRet }) => ({
      names,
      action,
      ...(Array.isArray(args) && args.length > 0 ? { args } : {}),
      ...(errnoRet === undefined ? {} : { errnoRet }),
    }));
  return { defaultAction, defaultErrnoRet, architectures: ARCHITECTURES, syscalls: rules };
}
