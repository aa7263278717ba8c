/** Where engines get cgroups, on folders that look as the kernel's do. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type CgroupPlaces, openEngineCgroups } from "../src/engines/cgroups.js";

const LIMITS = { memoryBytesMax: 1 << 30, threadsMax: 100 };
const UNIT = "/system.slice/menagerie.service";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A cgroup of a unit with these controllers and processes. */
function places(controllers: string, processes: readonly number[], membership = `0::${UNIT}\n`): CgroupPlaces {
  const mount = mkdtempSync(join(tmpdir(), "menagerie-cgroup-"));
  folders.push(mount);
  const unit = join(mount, UNIT);
  mkdirSync(unit, { recursive: true });
  writeFileSync(join(unit, "cgroup.controllers"), `${controllers}\n`);
  writeFileSync(join(unit, "cgroup.procs"), processes.map((pid) => `${pid}\n`).join(""));
  writeFileSync(join(mount, "membership"), membership);
  return { mount, membership: join(mount, "membership") };
}

describe("cgroups of engines", () => {
  it("bound memory and threads of each process where the controllers are delegated", () => {
    const where = places("cpu memory pids", [process.pid]);
    const cgroups = openEngineCgroups(LIMITS, where);
    expect(cgroups.problem).toBeNull();
    cgroups.add(4242);
    const at = (file: string) => readFileSync(join(where.mount, UNIT, file), "utf8");
    expect(at("cgroup.subtree_control")).toBe("+memory +pids");
    expect(at("menagerie-service/cgroup.procs")).toBe(String(process.pid));
    expect(at("menagerie-engine-4242/memory.max")).toBe(String(LIMITS.memoryBytesMax));
    expect(at("menagerie-engine-4242/pids.max")).toBe("100");
    expect(at("menagerie-engine-4242/cgroup.procs")).toBe("4242");
  });

  it("do without the count of threads where that is not delegated", () => {
    const where = places("memory", [process.pid]);
    openEngineCgroups(LIMITS, where).add(7);
    expect(() => readFileSync(join(where.mount, UNIT, "menagerie-engine-7/pids.max"))).toThrow();
    expect(readFileSync(join(where.mount, UNIT, "menagerie-engine-7/memory.max"), "utf8")).toBe("1073741824");
  });

  it("say so when one cannot be made later", () => {
    const where = places("memory", [process.pid]);
    const cgroups = openEngineCgroups(LIMITS, where);
    writeFileSync(join(where.mount, UNIT, "menagerie-engine-9"), "in the way");
    cgroups.add(9);
    expect(cgroups.problem).toMatch(/EEXIST/);
  });

  it.each<[string, () => CgroupPlaces, RegExp]>([
    ["memory is not delegated", () => places("cpu pids", [process.pid]), /not delegated/],
    ["others are in the service's cgroup", () => places("memory", [1, process.pid]), /other processes/],
    ["the system has version 1", () => places("memory", [process.pid], "4:memory:/user\n"), /version 2/],
    ["the mount is elsewhere", () => ({ ...places("memory", [process.pid]), mount: "/nowhere" }), /not delegated/],
  ])("are none where %s, and that is said", (_why, where, reason) => {
    const cgroups = openEngineCgroups(LIMITS, where());
    expect(cgroups.problem).toMatch(reason);
    cgroups.add(1);
    cgroups.remove(1);
  });
});
