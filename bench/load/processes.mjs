/** A service's processes, read from Linux' /proc. */
import { readdirSync, readFileSync } from "node:fs";

/**
 * The service and its children now.
 * @returns {{pid: number, isZombie: boolean, rssBytes: number, descriptorCount: number}[]} the service first
 */
export function readProcesses(servicePid) {
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), ...readStatus(Number(name)) }))
    .filter(({ parent }) => parent === servicePid);
  return [{ pid: servicePid, ...readStatus(servicePid) }, ...children].map(({ pid, isZombie, rssBytes }) => ({
    pid,
    isZombie,
    rssBytes,
    descriptorCount: descriptorCount(pid),
  }));
}

function readStatus(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const field = (name) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1] ?? "";
    // A zombie has no memory left.
    return { parent: Number(field("PPid")), isZombie: field("State") === "Z", rssBytes: 1024 * Number(field("VmRSS")) };
  } catch {
    // It ended meanwhile.
    return { parent: 0, isZombie: false, rssBytes: 0 };
  }
}

function descriptorCount(pid) {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}
