/**
 * One set-up at a time in one clone: a lock file that names its holder.
 *
 * The file is made whole under another name and then hard-linked, which fails when the name is taken. Its holder touches
 * it every few seconds; a lock whose process is gone, or that nobody touched for a minute (a process of another machine
 * or container), is taken over.
 */
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, utimes, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const TOUCH_INTERVAL_MS = 5_000;
const UNTOUCHED_MS_MAX = 60_000;
const POLL_INTERVAL_MS = 100;

/**
 * Takes the lock, waiting for its holder to finish.
 * @param {string} path
 * @param {(holderPid: number) => void} onWait called once when there is a holder to wait for
 * @returns {Promise<() => void>} gives the lock back
 */
export async function takeLock(path, onWait) {
  mkdirSync(dirname(path), { recursive: true });
  let announced = false;
  while (!tryLock(path)) {
    const holder = readHolder(path);
    if (holder === undefined) continue;
    if (isAbandoned(path, holder)) {
      removeAbandoned(path);
    } else if (!announced) {
      onWait(holder);
      announced = true;
    }
    await sleep(POLL_INTERVAL_MS);
  }
  const touching = setInterval(() => {
    const now = new Date();
    utimes(path, now, now, ignoreMissing);
  }, TOUCH_INTERVAL_MS);
  touching.unref();
  return () => {
    clearInterval(touching);
    rmSync(path, { force: true });
  };
}

/**
 * @param {string} path
 * @returns {boolean}
 */
function tryLock(path) {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

/**
 * @param {string} path
 * @returns {number | undefined} undefined when the lock was given back meanwhile
 */
function readHolder(path) {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * @param {string} path
 * @param {number} holder
 */
function isAbandoned(path, holder) {
  const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  return Date.now() - touched > UNTOUCHED_MS_MAX || !isAlive(holder);
}

/**
 * Removes an abandoned lock. Two that wait may both have found it abandoned, and the slower one must not remove the lock
 * that the faster one has taken since: so one at a time looks again and removes.
 * @param {string} path
 */
function removeAbandoned(path) {
  const guard = `${path}.takeover`;
  try {
    mkdirSync(guard);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    // Its maker was killed within the few calls below.
    const made = statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - made > UNTOUCHED_MS_MAX) rmSync(guard, { recursive: true, force: true });
    return;
  }
  try {
    const holder = readHolder(path);
    if (holder !== undefined && isAbandoned(path, holder)) rmSync(path, { force: true });
  } finally {
    rmSync(guard, { recursive: true, force: true });
  }
}

/** The lock was taken over while this process slept: its work still ends well, for steps write whole results. */
function ignoreMissing() {}

/** @param {number} pid */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !isErrno(error, "ESRCH");
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 */
function isErrno(error, code) {
  return error instanceof Error && "code" in error && error.code === code;
}
