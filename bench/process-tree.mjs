/**
 * CPU time and memory of processes with all their children, from Linux' /proc. Elsewhere they are not known (NaN).
 */
import { readdirSync, readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

/** User and system time so far of `pids`, their living descendants, and the children that they waited for. */
export function cpuSeconds(pids) {
  const processes = readProcesses();
  const ticks = treeOf(pids, processes).map((member) => processes.get(member)?.ticks ?? Number.NaN);
  return sum(ticks) / TICKS_PER_SECOND;
}

/** Proportional set size: a page that several processes share counts once in all. */
export function memoryBytes(pids) {
  return sum(treeOf(pids, readProcesses()).map(proportionalSetBytes));
}

function proportionalSetBytes(pid) {
  try {
    const [, kibibytes = "0"] = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1")) ?? [];
    return 1024 * Number(kibibytes);
  } catch {
    // It ended meanwhile, or this is not Linux.
    return process.platform === "linux" ? 0 : Number.NaN;
  }
}

/** `pids` and their living descendants. */
export function treeOf(pids, processes = readProcesses()) {
  const tree = [...pids];
  for (const member of tree) {
    for (const [child, { parent }] of processes) {
      if (parent === member) {
        tree.push(child);
      }
    }
  }
  return tree;
}

function readProcesses() {
  const processes = new Map();
  if (process.platform !== "linux") {
    return processes;
  }
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      // The name in brackets may hold spaces; proc(5) counts ppid as field 4, utime to cstime as 14 to 17.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
      processes.set(Number(name), { parent: Number(fields[1]), ticks });
    } catch {
      // It ended between the two reads.
    }
  }
  return processes;
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
