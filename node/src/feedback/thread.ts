/**
 * The thread of the store: it does one thing after the other, and waits for disks and databases in place of the service.
 * Answers that cannot be written are tried again each second, until they can be.
 */
import { createHash } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../errors.js";
import type { StoreProblem } from "../ports.js";
import { loadWasm } from "../wasm-module.js";
import { isThere, openDatabase } from "./database.js";
import type { Batch, Call, FromThread, ThreadOptions, ToThread, Values } from "./messages.js";
import { isOfTheRows, problemOf } from "./problem.js";
import { reportOf } from "./report.js";
import { FeedbackStore } from "./store.js";

const RETRY_MS = 1000;
const PRUNE_MS = 60_000;
/** And once images of so large a share of what may be kept were written. */
const PRUNE_SHARE = 0.1;

const { place, keep } = workerData as ThreadOptions;
const unwritten: { readonly number: number; readonly batch: Batch }[] = [];
let store: FeedbackStore | null = null;
let problem: StoreProblem | null = null;
let retry: NodeJS.Timeout | undefined;
/** Written since what is too much was removed. */
let imagesBytes = 0;
let turn: Promise<void> = Promise.resolve();

const prunes = setInterval(() => void inTurn(prune), PRUNE_MS);
void inTurn(prune);
parentPort?.on("message", (message: ToThread) => {
  if (message.kind === "write") {
    unwritten.push(message);
    void inTurn(writeAll);
  } else void inTurn(() => answer(message));
});

function inTurn(work: () => Promise<void>): Promise<void> {
  turn = turn.then(work);
  return turn;
}

/** The store, opened where it is not, and made anew where its file was removed: SQLite would write to that one until it ends. */
async function opened(): Promise<FeedbackStore> {
  if (store !== null && !isThere(place)) {
    await store.close();
    store = null;
  }
  store ??= new FeedbackStore(await openDatabase(place));
  return store;
}

/**
 * Notes why something failed. The connection is given up: after a time-out that of PostgreSQL has an answer to come, and
 * libsql leaves a statement that failed open, with which no transaction can be committed.
 */
async function fail(error: unknown): Promise<StoreProblem> {
  const failed = store;
  store = null;
  await failed?.close().catch(() => {});
  const why = problemOf(error);
  note(why, error);
  return why;
}

async function writeAll(): Promise<void> {
  clearTimeout(retry);
  for (let [next] = unwritten; next !== undefined; [next] = unwritten) {
    const { number, batch } = next;
    try {
      await write(await opened(), batch);
      note(null);
      say({ kind: "written", number, isLost: false });
      imagesBytes += batch.images.reduce((sum, { length }) => sum + length, 0);
      if (imagesBytes > PRUNE_SHARE * keep.imagesBytesMax) await prune();
    } catch (error) {
      await fail(error);
      if (!isOfTheRows(error)) {
        retry = setTimeout(() => void inTurn(writeAll), RETRY_MS);
        return;
      }
      say({ kind: "written", number, isLost: true });
    }
    unwritten.shift();
  }
}

async function write(to: FeedbackStore, { rows, images }: Batch): Promise<void> {
  const kept = images.map((bytes, place) => ({
    bytes,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    holder: rows.find(({ image }) => image === place)?.holder ?? 0,
  }));
  const complete = rows.map(({ image, ...row }) => ({
    ...row,
    image_sha256: image === null ? null : (kept[image]?.sha256 ?? null),
  }));
  await to.write(complete, kept, Date.now());
}

/** What was answered before the call is written first: while that cannot be, nobody knows which answers there are. */
async function answer(message: { readonly number: number } & Call): Promise<void> {
  const { number } = message;
  if (unwritten.length > 0) await writeAll();
  if (problem !== null && unwritten.length > 0 && message.kind !== "close") {
    say({ kind: "failed", number, problem });
    return;
  }
  try {
    say({ kind: "value", number, value: await perform(message) });
    if (unwritten.length === 0) note(null);
  } catch (error) {
    say({ kind: "failed", number, problem: await fail(error) });
  }
}

async function perform(call: Call): Promise<Values[Call["kind"]]> {
  if (call.kind === "close") {
    clearInterval(prunes);
    clearTimeout(retry);
    await store?.close();
    return null;
  }
  const opens = await opened();
  switch (call.kind) {
    case "label":
      return await opens.label(call.label);
    case "forget":
      return await opens.forget(call.requestId, call.owner);
    case "report":
      return reportOf(
        loadWasm(),
        await opens.labelled(call.id, call.version),
        await opens.countOf(call.id, call.version),
      );
    case "settle":
      return null;
  }
}

async function prune(): Promise<void> {
  try {
    await (await opened()).prune(keep, Date.now());
    imagesBytes = 0;
    if (unwritten.length === 0) note(null);
  } catch (error) {
    await fail(error);
  }
}

/** Says it once. */
function note(now: StoreProblem | null, error?: unknown): void {
  if (now === problem) return;
  problem = now;
  say({ kind: "problem", problem, detail: error === undefined ? "" : messageOf(error) });
}

function say(message: FromThread): void {
  parentPort?.postMessage(message);
}
