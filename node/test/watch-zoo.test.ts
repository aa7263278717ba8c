/** Looking at the zoo's folder because somebody asked to. */
import { afterEach, expect, it } from "vitest";
import { watchZoo, type ZooWatch } from "../src/models/watch-zoo.js";

let watch: ZooWatch | null = null;
afterEach(() => watch?.stop());

/** A folder that the system tells nothing of, and that nobody looks at now and then. */
function watchSilently(refresh: () => Promise<void>, report: (error: unknown) => void = () => {}) {
  watch = watchZoo({ zoo: { dirs: async () => [], refresh, isWaiting: false }, pollMs: 0, report });
  return watch;
}

it("a look that is asked for comes at once, where nothing else would lead to one", async () => {
  let looks = 0;
  const { look } = watchSilently(async () => {
    looks += 1;
  });
  await expect.poll(() => looks).toBe(1);
  look();
  await expect.poll(() => looks).toBe(2);
});

it("a look that fails is told of, and the next one comes all the same", async () => {
  const told: unknown[] = [];
  const failure = new Error("the folder is gone");
  const { look } = watchSilently(
    () => Promise.reject(failure),
    (error) => told.push(error),
  );
  await expect.poll(() => told).toEqual([failure]);
  look();
  await expect.poll(() => told).toEqual([failure, failure]);
});

it("after the end nobody looks", async () => {
  let looks = 0;
  const { look, stop } = watchSilently(async () => {
    looks += 1;
  });
  stop();
  look();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(looks).toBe(0);
});
