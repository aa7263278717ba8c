/**
 * A cgroup (version 2) for each engine process, where the service may make one: the kernel then counts all of its
 * memory, and ends it alone when that is too much.
 *
 * The service must be alone in a cgroup whose memory controller was handed to it (systemd: `Delegate=memory pids`). A
 * cgroup that hands controllers on holds no processes itself, so the service moves into a leaf of it.
 * https://docs.kernel.org/admin-guide/cgroup-v2.html#no-internal-process-constraint
 */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isSystemError, messageOf } from "../errors.js";

export interface EngineCgroupLimits {
  readonly memoryBytesMax: number;
  readonly threadsMax: number;
}

/** Where the kernel shows cgroups; tests have folders of their own. */
export interface CgroupPlaces {
  readonly mount: string;
  /** The cgroups of this process, as in `/proc/self/cgroup`. */
  readonly membership: string;
}

export interface EngineCgroups {
  /** Why engines have none, or one has not; null where all have. */
  readonly problem: string | null;
  /** Confines a process that has just been started. */
  add(pid: number): void;
  /** To be called once the process is gone. */
  remove(pid: number): void;
}

const PLACES: CgroupPlaces = { mount: "/sys/fs/cgroup", membership: "/proc/self/cgroup" };
const SERVICE_LEAF = "menagerie-service";

export function openEngineCgroups(limits: EngineCgroupLimits, places = PLACES): EngineCgroups {
  try {
    const parent = ownCgroup(places);
    return new DelegatedCgroups(parent, becomeParent(parent), limits);
  } catch (error) {
    return { problem: messageOf(error), add() {}, remove() {} };
  }
}

class DelegatedCgroups implements EngineCgroups {
  problem: string | null = null;
  readonly #parent: string;
  readonly #controllers: readonly string[];
  readonly #limits: EngineCgroupLimits;

  constructor(parent: string, controllers: readonly string[], limits: EngineCgroupLimits) {
    this.#parent = parent;
    this.#controllers = controllers;
    this.#limits = limits;
  }

  add(pid: number): void {
    const folder = this.#folderOf(pid);
    try {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "memory.max"), String(this.#limits.memoryBytesMax));
      if (this.#controllers.includes("pids")) writeFileSync(join(folder, "pids.max"), String(this.#limits.threadsMax));
      writeFileSync(join(folder, "cgroup.procs"), String(pid));
    } catch (error) {
      if (!isSystemError(error, "ESRCH")) this.problem = messageOf(error);
    }
  }

  remove(pid: number): void {
    try {
      rmdirSync(this.#folderOf(pid));
    } catch {
      // An empty cgroup costs nothing, and is used again when its process id comes back.
    }
  }

  #folderOf(pid: number): string {
    return join(this.#parent, `menagerie-engine-${pid}`);
  }
}

/** @throws Error that says why no cgroup can be made in the service's own. */
function ownCgroup({ mount, membership }: CgroupPlaces): string {
  const path = /^0::(\/.*)$/m.exec(read(membership))?.[1];
  if (path === undefined) throw new Error("this system has no cgroups of version 2");
  const folder = join(mount, path);
  if (!words(read(join(folder, "cgroup.controllers"))).includes("memory")) {
    throw new Error("the memory controller is not delegated to the service's cgroup");
  }
  if (words(read(join(folder, "cgroup.procs"))).join() !== String(process.pid)) {
    throw new Error("other processes share the service's cgroup");
  }
  return folder;
}

/** Moves the service into a leaf, and hands on the controllers that engines need: those are returned. */
function becomeParent(folder: string): string[] {
  const controllers = words(read(join(folder, "cgroup.controllers")));
  const wanted = ["memory", "pids"].filter((name) => controllers.includes(name));
  const leaf = join(folder, SERVICE_LEAF);
  mkdirSync(leaf, { recursive: true });
  writeFileSync(join(leaf, "cgroup.procs"), String(process.pid));
  writeFileSync(join(folder, "cgroup.subtree_control"), wanted.map((name) => `+${name}`).join(" "));
  return wanted;
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
