/**
 * A closed loop: each client asks, waits for the answer, and asks again.
 */

/**
 * Runs until `sliceMs` is over; what was asked before then is waited for.
 * @param {() => Promise<unknown>} ask
 * @returns {Promise<{latenciesMs: number[], wallMs: number}>}
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
