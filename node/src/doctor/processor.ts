/** What the processor offers to libtensorflow, whose wheels for x86-64 are compiled for AVX. */
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { amber, type Finding, green, red } from "./finding.js";

const FEATURES = ["avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_tile"] as const;

/** `cpuinfo` is Linux's list; `arch` as Node names it. */
export async function checkProcessor(arch: string = process.arch, cpuinfo = "/proc/cpuinfo"): Promise<Finding> {
  const cores = `${availableParallelism()} cores`;
  const text = await readFile(cpuinfo, "utf8").catch(() => null);
  const flags = new Set(/^flags\s*: (.*)$/m.exec(text ?? "")?.[1]?.split(" "));
  if (arch !== "x64" || flags.size === 0) return green("processor", `${arch}, ${cores}`);
  const found = `${arch}, ${cores}: ${FEATURES.filter((feature) => flags.has(feature)).join(", ") || "no vectors beyond SSE"}`;
  if (!flags.has("avx")) {
    const mend = "LIBTENSORFLOW_PATH=/folder/of/a/build/without/AVX npm start";
    return red("processor", `${found}; the wheel's libtensorflow needs AVX`, mend);
  }
  if (!flags.has("avx2") || !flags.has("fma")) {
    return amber("processor", `${found}; layers run several times slower without AVX2 and FMA`, null);
  }
  return green("processor", found);
}
