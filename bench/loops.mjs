/**
 * The two ways to drive a contender: a closed loop, in which each client waits for its answer and asks again, and an
 * open loop, which asks at a fixed rate whatever becomes of the answers.
 */

/**
 * @typedef {object} Slice
 * @property {number[]} latenciesMs of what was answered
 * @property {number} wallMs from the first question to the last answer
 * @property {number} [refused] questions that were refused
 */

/**
 * Runs until `sliceMs` is over; what was asked before then is waited for.
 * @param {() => Promise<unknown>} ask
 * @returns {Promise<Slice>}
 */
export async function closedLoop(ask, clientCount, sliceMs) {
  const latenciesMs = [];
  const start = performance.now();
  const client = async () => {
    while (performance.now() - start < sliceMs) {
      const asked = performance.now();
      await ask();
      latenciesMs.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: clientCount }, client));
  return { latenciesMs, wallMs: performance.now() - start };
}

/**
 * Asks `ratePerSecond * sliceMs / 1000` times, evenly spread. A latency counts from the moment at which the question was
 * due, so that a late question is no excuse (Tene's "coordinated omission").
 * @param {() => Promise<boolean>} ask resolves with whether it was answered rather than refused
 * @returns {Promise<Required<Slice>>}
 */
export async function openLoop(ask, ratePerSecond, sliceMs) {
  const latenciesMs = [];
  const underWay = [];
  const count = Math.max(1, Math.round((ratePerSecond * sliceMs) / 1000));
  let refused = 0;
  const start = performance.now();
  const one = async (due) => {
    if (await ask()) latenciesMs.push(performance.now() - due);
    else refused += 1;
  };
  for (let index = 0; index < count; index++) {
    const due = start + (1000 * index) / ratePerSecond;
    // A timer drops what is below a millisecond of its time, and counts from when the event loop last looked at the clock.
    for (let wait = due - performance.now(); wait > 0; wait = due - performance.now()) {
      await new Promise((resolve) => setTimeout(resolve, Math.ceil(wait)));
    }
    underWay.push(one(due));
  }
  await Promise.all(underWay);
  return { latenciesMs, wallMs: performance.now() - start, refused };
}
