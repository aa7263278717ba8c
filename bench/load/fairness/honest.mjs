/** One honest client: the default model, a photo each 50 ms, one at a time. */
import { Agent, request } from "node:http";
import { percentile } from "../../statistics.mjs";

export const EVERY_MS = 50;
/** Time for an attack to be at work before anything counts. */
export const LEAD_MS = 2000;
const ANSWER_MS_MAX = 60_000;

/** @typedef {{ times: number[], p50: number, p99: number, failed: Record<string, number> }} Outcome times in ms, ascending */

/**
 * @param {string} url
 * @param {Buffer} photo
 * @param {number} seconds
 * @returns {Promise<Outcome>}
 */
export async function askHonestly(url, photo, seconds) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times = [];
  /** @type {Record<string, number>} */
  const failed = {};
  const end = performance.now() + 1000 * seconds;
  for (let next = performance.now(); next < end; next = Math.max(next + EVERY_MS, performance.now())) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
    const began = performance.now();
    try {
      const { status, body } = await ask(`${url}/infer?format=json`, agent, photo);
      if (status === 200) times.push(performance.now() - began);
      else failed[codeOf(body)] = (failed[codeOf(body)] ?? 0) + 1;
    } catch (error) {
      failed[error.message] = (failed[error.message] ?? 0) + 1;
    }
  }
  agent.destroy();
  const sorted = times.toSorted((one, other) => one - other);
  const of = (share) => (sorted.length === 0 ? Number.POSITIVE_INFINITY : percentile(sorted, share));
  return { times: sorted, p50: of(0.5), p99: of(0.99), failed };
}

/** Posts a photo. @returns {Promise<{ status: number, body: Buffer }>} */
export function ask(url, agent, body) {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "image/jpeg", "content-length": body.length };
    const sent = request(url, { method: "POST", agent, headers }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode, body: Buffer.concat(chunks) }));
    });
    sent.setTimeout(ANSWER_MS_MAX, () => sent.destroy(new Error("no answer in a minute")));
    sent.on("error", (error) => {
      // An idle connection may be closed at any time; the request that crosses with that was not taken (RFC 9112, 9.3.1).
      if (sent.reusedSocket && error.code === "ECONNRESET") resolve(ask(url, agent, body));
      else reject(error);
    });
    sent.end(body);
  });
}

function codeOf(body) {
  try {
    return JSON.parse(body).code;
  } catch {
    return "no problem";
  }
}
