/**
 * Runs the steps that are due, side by side where they do not need each other, and shows how far each is.
 *
 * A step is done when its stamp is written, and the stamp is written last: a step that was interrupted runs again.
 */
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { readStamp, readState, whyChanged, writeJson } from "./stamps.mjs";
import { buildEnvironment } from "./tools.mjs";

const HEARTBEAT_INTERVAL_MS = 15_000;
const LOG_TAIL_LINES = 30;
const NOTE_CHARACTERS_MAX = 80;
const SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM"]);

/**
 * @typedef {object} StepContext
 * @property {(program: string, args: string[], options?: { cwd?: string, env?: NodeJS.ProcessEnv, msMax?: number }) => Promise<void>} exec
 *   runs a command, its output in the step's log; rejects when it fails, or was ended after `msMax`
 * @property {(text: string) => void} note says what the step is doing now
 *
 * @typedef {object} Step
 * @property {string} name
 * @property {readonly string[]} [needs] steps that come first
 * @property {readonly import("./tools.mjs").ToolName[]} [tools] what has to be on the machine
 * @property {string} [lane] steps of one lane run one after another
 * @property {readonly string[]} [inputs] files and folders; the step runs again when one of them changed
 * @property {() => string} [key] whatever else the step depends on
 * @property {readonly string[]} [outputs] files that it makes; it runs again when one is missing
 * @property {() => boolean} [isDone] for a step without inputs: whether its work is there already
 * @property {(context: StepContext) => Promise<void> | void} run
 *
 * @typedef {{ root: string, cache: string }} Folders where inputs and outputs are, and where stamps and logs go
 */

/**
 * Why a step has to run, in words; undefined when it has not.
 * @param {Step} step
 * @param {Folders} folders
 */
export function whyDue(step, folders) {
  if (step.isDone) return step.isDone() ? undefined : "not there yet";
  const missing = step.outputs?.find((path) => !existsSync(join(folders.root, path)));
  if (missing) return `${missing} is missing`;
  const before = readStamp(stampPath(step, folders));
  const now = readState(folders.root, step.inputs ?? [], step.key?.() ?? "", before);
  const why = whyChanged(before, now);
  if (!why && JSON.stringify(before) !== JSON.stringify(now)) writeJson(stampPath(step, folders), now);
  return why;
}

/**
 * The steps that are due, in the given order: the goals that changed, and what those need.
 * @param {readonly Step[]} steps
 * @param {readonly string[]} goals
 * @param {Folders} folders
 * @returns {{ step: Step, why: string }[]}
 */
export function plan(steps, goals, folders) {
  /** @type {Map<string, string>} */
  const due = new Map();
  const pending = [...goals];
  const seen = new Set();
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const step = stepNamed(steps, name);
    const why = whyDue(step, folders);
    if (why === undefined) continue;
    due.set(name, why);
    pending.push(...(step.needs ?? []));
  }
  return steps.flatMap((step) => {
    const why = due.get(step.name);
    return why === undefined ? [] : [{ step, why }];
  });
}

/**
 * Runs the planned steps.
 * @param {ReturnType<typeof plan>} planned
 * @param {Folders} folders
 * @param {(line: string) => void} [print]
 * @returns {Promise<{ name: string, startSeconds: number, seconds: number }[]>} when each began and how long it took
 * @throws Error that names the step which failed, with the end of its log
 */
export async function runSteps(planned, folders, print = console.log) {
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  const show = (/** @type {string} */ text) => print(`[${elapsed().toFixed(1).padStart(6)} s] ${text}`);
  const children = createChildren();
  const interruption = watchInterruption();
  /** @type {Map<string, { startSeconds: number, note: string }>} */
  const running = new Map();
  const waiting = new Map(planned.map((entry) => [entry.step.name, entry]));
  /** @type {{ name: string, startSeconds: number, seconds: number }[]} */
  const times = [];

  const heartbeat = setInterval(() => {
    const lines = [...running].map(([name, { startSeconds, note }]) => {
      return `${name} (${Math.round(elapsed() - startSeconds)} s${note && `: ${note}`})`;
    });
    show(`running: ${lines.join(", ")}`);
  }, HEARTBEAT_INTERVAL_MS);

  /** @param {ReturnType<typeof plan>[number]} entry */
  const start = async ({ step, why }) => {
    const state = { startSeconds: elapsed(), note: "" };
    running.set(step.name, state);
    waiting.delete(step.name);
    show(`${step.name}: starting (${why})`);
    await runStep(step, folders, children, (note) => {
      state.note = note;
    });
    running.delete(step.name);
    const seconds = elapsed() - state.startSeconds;
    times.push({ name: step.name, startSeconds: state.startSeconds, seconds });
    show(`${step.name}: done in ${seconds.toFixed(1)} s`);
  };

  try {
    /** @type {Map<string, Promise<string>>} */
    const underWay = new Map();
    while (waiting.size > 0 || underWay.size > 0) {
      for (const entry of [...waiting.values()].filter((candidate) =>
        isReady(candidate.step, waiting, planned, running),
      )) {
        if (!isReady(entry.step, waiting, planned, running)) continue;
        const work = start(entry).then(() => entry.step.name);
        // When another step fails first, nobody waits for this one any more.
        work.catch(() => undefined);
        underWay.set(entry.step.name, work);
      }
      underWay.delete(await Promise.race([...underWay.values(), interruption.promise]));
    }
    return times;
  } finally {
    interruption.ignore();
    clearInterval(heartbeat);
    children.end();
  }
}

/**
 * @param {Step} step
 * @param {Folders} folders
 * @param {ReturnType<typeof createChildren>} children
 * @param {(text: string) => void} note
 */
async function runStep(step, folders, children, note) {
  const logPath = join(folders.cache, "setup/logs", `${step.name.replaceAll(" ", "-")}.log`);
  mkdirSync(dirname(logPath), { recursive: true });
  const log = openSync(logPath, "w");
  // Read before the run: an input that changes during it makes the step due again.
  const state = step.isDone ? undefined : readState(folders.root, step.inputs ?? [], step.key?.() ?? "", undefined);
  try {
    await step.run({
      note,
      exec: (program, args, options = {}) => children.exec(program, args, { cwd: folders.root, ...options }, log, note),
    });
    if (state) writeJson(stampPath(step, folders), state);
  } catch (error) {
    const tail = readFileSync(logPath, "utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
    throw new Error(
      [
        `Set-up step "${step.name}" failed: ${error instanceof Error ? error.message : error}`,
        ...(tail ? [`The end of ${relative(folders.root, logPath)}:`, tail.replace(/^/gm, "  | ")] : []),
        "What is done stays done: put this right and run the same command again.",
      ].join("\n"),
    );
  } finally {
    closeSync(log);
  }
}

/**
 * A step may start when those it needs are done and nothing runs in its lane.
 * @param {Step} step
 * @param {Map<string, unknown>} waiting
 * @param {ReturnType<typeof plan>} planned
 * @param {Map<string, unknown>} running
 */
function isReady(step, waiting, planned, running) {
  const needsAreDone = (step.needs ?? []).every((name) => !waiting.has(name) && !running.has(name));
  const laneIsFree =
    step.lane === undefined || !planned.some((other) => other.step.lane === step.lane && running.has(other.step.name));
  return needsAreDone && laneIsFree;
}

/**
 * The commands under way. Each has a process group of its own, so that ending it ends what it started too.
 */
function createChildren() {
  /** @type {Set<import("node:child_process").ChildProcess>} */
  const alive = new Set();
  const end = () => {
    for (const { pid } of alive) {
      if (pid !== undefined) endGroup(pid);
    }
  };
  return {
    end,
    /**
     * @param {string} program
     * @param {string[]} args
     * @param {import("node:child_process").SpawnOptions & { msMax?: number }} options
     * @param {number} log file descriptor
     * @param {(text: string) => void} note gets the last line of output
     * @returns {Promise<void>}
     */
    exec: (program, args, { msMax, ...options }, log, note) =>
      new Promise((resolve, reject) => {
        writeSync(log, `$ ${program} ${args.join(" ")}\n`);
        const child = spawn(program, args, {
          env: buildEnvironment(),
          ...options,
          stdio: ["ignore", "pipe", "pipe"],
          detached: true,
        });
        alive.add(child);
        const { pid } = child;
        const timer = msMax === undefined || pid === undefined ? undefined : setTimeout(() => endGroup(pid), msMax);
        for (const stream of [child.stdout, child.stderr]) {
          stream?.on("data", (/** @type {Buffer} */ chunk) => {
            writeSync(log, chunk);
            const line = chunk
              .toString()
              .trim()
              .split(/[\r\n]/)
              .at(-1);
            if (line) note(line.trim().slice(0, NOTE_CHARACTERS_MAX));
          });
        }
        child.on("error", (error) => {
          alive.delete(child);
          reject(new Error(`${program} cannot be run: ${error.message}`));
        });
        child.on("close", (code, signal) => {
          alive.delete(child);
          clearTimeout(timer);
          if (code === 0) resolve();
          else reject(new Error(`${program} ${args[0] ?? ""} ended with ${signal ?? `exit code ${code}`}`));
        });
      }),
  };
}

/** @param {number} pid */
function endGroup(pid) {
  try {
    process.kill(-pid, "SIGTERM");
  } catch {
    // It ended by itself meanwhile.
  }
}

/** A promise that rejects when the user or the system interrupts set-up. */
function watchInterruption() {
  /** @type {(signal: NodeJS.Signals) => void} */
  let interrupt = () => undefined;
  const promise = new Promise((_, reject) => {
    interrupt = (signal) =>
      reject(new Error(`Interrupted (${signal}). What is done stays done: run it again to go on.`));
  });
  promise.catch(() => undefined);
  for (const signal of SIGNALS) process.once(signal, interrupt);
  return {
    promise,
    ignore: () => {
      for (const signal of SIGNALS) process.off(signal, interrupt);
    },
  };
}

/**
 * @param {Step} step
 * @param {Folders} folders
 */
function stampPath(step, folders) {
  return join(folders.cache, "setup", `${step.name.replaceAll(" ", "-")}.json`);
}

/**
 * @param {readonly Step[]} steps
 * @param {string} name
 */
function stepNamed(steps, name) {
  const step = steps.find((candidate) => candidate.name === name);
  if (!step) throw new Error(`there is no set-up step "${name}"`);
  return step;
}
