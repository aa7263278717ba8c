/**
 * Clients that each ask, wait for the answer, and ask again; and what became of what they asked.
 *
 * answered: the outcome that the question must have. refused: a problem that says to try again or what failed, by its
 * code. lost: no answer, or not a whole one. wrong: any other answer.
 */
import { randomUUID } from "node:crypto";
import { Agent, request } from "node:http";
import { outcomeOf, SEPARATOR } from "./traffic.mjs";

/** What a service may say of itself under load and faults, whatever was asked. */
export const REFUSALS = [
  "overloaded",
  "engine_failed",
  "engine_unavailable",
  "engine_timeout",
  "storage_full",
  "internal",
];
const ANSWER_MS_MAX = 120_000;

export class Tally {
  sent = 0;
  answered = 0;
  /** Numbers by code. */
  refused = {};
  /** Requests that found the service closed: nobody took them. */
  notTaken = 0;
  lost = [];
  wrong = [];

  get refusedCount() {
    return Object.values(this.refused).reduce((sum, count) => sum + count, 0);
  }
}

/** @param {string} url of the service */
export function createClient(url) {
  const agent = new Agent({ keepAlive: true });
  return {
    ask: (question, requestId = randomUUID()) =>
      question.steps === undefined
        ? send(url, agent, question, requestId)
        : sendSteps(url, agent, question.steps(`load-${requestId.slice(0, 8)}`), requestId),
    close: () => agent.destroy(),
  };
}

/**
 * Asks one question and counts what became of it.
 * @param {(requestId: string) => void} [onReset] where a connection that was reset at once may be none that was taken
 * @returns {Promise<boolean>} whether the service was there
 */
async function askAndCount(client, question, tally, onReset) {
  tally.sent += 1;
  const requestId = randomUUID();
  try {
    const outcome = await client.ask(question, requestId);
    const refusal = refusalOf(outcome, question.outcome);
    if (outcome === question.outcome) tally.answered += 1;
    else if (refusal !== undefined) tally.refused[refusal] = (tally.refused[refusal] ?? 0) + 1;
    else tally.wrong.push(`${question.name}: ${outcome} instead of ${question.outcome}`);
    return true;
  } catch (error) {
    if (error.code === "ECONNREFUSED") tally.notTaken += 1;
    else if (error.code === "ECONNRESET" && onReset !== undefined) onReset(requestId);
    else tally.lost.push(`${question.name}: ${error.message}`);
    return error.code !== "ECONNREFUSED";
  }
}

/** The code that stands in place of the outcome, or of a part of it while all other parts are right. */
function refusalOf(outcome, expected) {
  const parts = outcome.split(SEPARATOR);
  const wanted = expected.split(SEPARATOR);
  const isRight = parts.every((part, index) => REFUSALS.includes(part) || part === wanted[index]);
  return isRight ? parts.find((part) => REFUSALS.includes(part)) : undefined;
}

/**
 * Runs `clientCount` clients until `isOver`, or until the service is gone.
 * @param {() => import("./traffic.mjs").Question} choose
 * @param {() => boolean} isOver
 * @param {(requestId: string) => void} [onReset]
 */
export async function runClients(url, clientCount, choose, isOver, tally, onReset) {
  const runClient = async () => {
    const client = createClient(url);
    let isThere = true;
    while (isThere && !isOver()) isThere = await askAndCount(client, choose(), tally, onReset);
    client.close();
  };
  await Promise.all(Array.from({ length: clientCount }, runClient));
}

/** Fills in the outcomes that are the service's own to know: it is asked alone, twice, and must say the same. */
export async function learnOutcomes(url, questions) {
  const client = createClient(url);
  for (const question of Object.values(questions).flat()) {
    if (question.outcome !== null) continue;
    const [first, second] = [await client.ask(question), await client.ask(question)];
    if (first !== second || REFUSALS.includes(first)) throw new Error(`${question.name}: ${first}, then ${second}`);
    question.outcome = first;
  }
  client.close();
}

/** A repeatable sequence of numbers from 0 to 1 (mulberry32). */
export function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Ends with the first step that is refused, and then takes the last, which clears away. */
async function sendSteps(url, agent, steps, requestId) {
  const outcomes = [];
  for (const step of steps) {
    const outcome = await send(url, agent, step, requestId);
    outcomes.push(outcome);
    if (!REFUSALS.includes(outcome)) continue;
    await send(url, agent, steps.at(-1), requestId);
    break;
  }
  return outcomes.join(SEPARATOR);
}

function send(url, agent, question, requestId) {
  const { method, path, body = Buffer.alloc(0), isBrokenOff = false } = question;
  const headers = { ...question.headers, "content-length": body.length, "x-request-id": requestId };
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { method, agent, headers });
    sent.setTimeout(ANSWER_MS_MAX, () => sent.destroy(new Error(`no answer within ${ANSWER_MS_MAX} ms`)));
    sent.on("error", (error) => {
      if (isBrokenOff) resolve("broken off");
      // The service may close an idle connection at any time; a request that crosses with it was not taken, and clients
      // send it again (RFC 9112, section 9.3.1).
      else if (sent.reusedSocket && error.code === "ECONNRESET") resolve(send(url, agent, question, requestId));
      else reject(error);
    });
    sent.on("response", (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const type = response.headers["content-type"] ?? "";
        resolve(outcomeOf({ status: response.statusCode, type, body: Buffer.concat(chunks) }));
      });
    });
    if (!isBrokenOff) {
      sent.end(body);
    } else {
      sent.write(body.subarray(0, body.length / 2), () => sent.destroy(new Error("broken off")));
    }
  });
}
