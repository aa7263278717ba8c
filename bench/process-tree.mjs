/**
 * CPU time of a process with all its children, from Linux' /proc. Elsewhere it is not known (NaN).
 */
import { readdirSync, readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

/** User and system time so far of `pid`, its living descendants, and the children that they waited for. */
export function cpuSeconds(pid) {
  const processes = readProcesses();
  let ticks = 0;
  const tree = [pid];
  for (const member of tree) {
    ticks += processes.get(member)?.ticks ?? Number.NaN;
    for (const [child, { parent }] of processes) {
      if (parent === member) {
        tree.push(child);
      }
    }
  }
  return ticks / TICKS_PER_SECOND;
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
