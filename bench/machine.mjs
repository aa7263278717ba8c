/**
 * Where and when a run was made.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem, type } from "node:os";
import { join } from "node:path";
import { ROOT_DIR } from "../scripts/setup/paths.mjs";

/** Vector instructions that oneDNN tells apart, the best first, as Linux and as people write them. */
const VECTORS = { avx512_vnni: "AVX-512 VNNI", avx512f: "AVX-512", avx2: "AVX2" };

export function describeMachine() {
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    kernels: describeKernels(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: type(),
    node: process.version,
    commit: commit(),
    loadAverage: loadavg()[0],
  };
}

/** What computes layers: the kernels that the engine says; for oneDNN, which chooses its code by the processor, the best vector instructions that Linux names. */
function describeKernels() {
  const check = execFileSync(join(ROOT_DIR, "target/release/menagerie-engine"), ["check"], { encoding: "utf8" });
  const kernels = /^kernels +(.*)$/m.exec(check)?.[1] ?? "unknown kernels";
  const vectors = Object.entries(VECTORS).find(([flag]) => cpuFlags().includes(flag))?.[1];
  return vectors === undefined || kernels !== "oneDNN" ? kernels : `${kernels} with ${vectors}`;
}

/** @returns {string[]} none where Linux does not list them */
function cpuFlags() {
  try {
    return /^flags\s*: (.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" ") ?? [];
  } catch {
    return [];
  }
}

function commit() {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return "unknown";
  }
}
