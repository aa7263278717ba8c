/** Why a database did not do what it was asked. Its own words go to the log: they may name hosts, users and files. */
import { messageOf } from "../errors.js";
import type { StoreProblem } from "../ports.js";

/** By the codes of SQLite (sqlite.org/rescode.html), PostgreSQL (appendix A of its manual) and the system. */
const BY_CODE: readonly (readonly [RegExp, StoreProblem])[] = [
  [/^(SQLITE_FULL|53100|ENOSPC)/, "full"],
  [/^(SQLITE_BUSY|SQLITE_LOCKED|55P03|57014)/, "locked"],
  [/^(SQLITE_CORRUPT|SQLITE_NOTADB|XX00)/, "damaged"],
  [
    /^(08|28|3D000|53300|57P0|ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EHOSTUNREACH|EPIPE|SQLITE_CANTOPEN|ENOENT|EACCES)/,
    "unreachable",
  ],
];
/** Of errors that have no code: those of the client of PostgreSQL. */
const UNREACHABLE_WORDS = /timeout|terminated|connection/i;

export function problemOf(error: unknown): StoreProblem {
  const code = codeOf(error);
  const [, problem] = BY_CODE.find(([pattern]) => pattern.test(code)) ?? [];
  if (problem !== undefined) return problem;
  return code === "" && UNREACHABLE_WORDS.test(messageOf(error)) ? "unreachable" : "failed";
}

/** Whether the rows are to blame, so that they are refused the next time too. */
export function isOfTheRows(error: unknown): boolean {
  return /^(SQLITE_CONSTRAINT|SQLITE_MISMATCH|SQLITE_TOOBIG|22|23)/.test(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
