/**
 * A folder that one process has to itself. The lock is one of SQLite on a file there: the system gives it back however its
 * owner ends, and it holds between containers, and between machines where what they share has locks.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import Sqlite from "libsql";

/** It stays empty. */
export const LOCK_FILE = "in-use.sqlite";

export interface FolderLock {
  end(): void;
}

/** Makes the folder where it is not there. Null while another one has it; rejects where it can have no lock. */
export async function lockFolder(dir: string): Promise<FolderLock | null> {
  await mkdir(dir, { recursive: true });
  const database = new Sqlite(join(dir, LOCK_FILE), { timeout: 0 });
  try {
    // Nothing is ever written that a journal, which is a file too, could give back.
    database.exec("pragma journal_mode = memory");
    database.exec("begin exclusive");
    return {
      end() {
        // It may be closed in fact some time later.
        database.exec("rollback");
        database.close();
      },
    };
  } catch (error) {
    database.close();
    if (error instanceof Error && "code" in error && error.code === "SQLITE_BUSY") return null;
    throw error;
  }
}
