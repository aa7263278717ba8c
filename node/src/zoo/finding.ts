/** What judging is made of: findings, and files that may not be there. */
import { readFile } from "node:fs/promises";
import type { Finding } from "../generated/contract.js";

/** A finding that keeps a model out of the zoo. */
export function error(field: string, problem: string, mend: string): Finding {
  return { severity: "error", field, problem, mend };
}

/** Null where the file is not there or cannot be read. */
export async function readBytes(path: string): Promise<Uint8Array | null> {
  return await readFile(path).catch(() => null);
}

export async function readText(path: string): Promise<string | null> {
  const bytes = await readBytes(path);
  return bytes === null ? null : Buffer.from(bytes).toString("utf8");
}
