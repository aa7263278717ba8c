/**
 * What a map of `POST /api/explain` costs beside one run of the model and one classification, on flowers5:
 * `node bench/explain.mjs`. The three take turns, so that a machine with other work slows all of them alike; the median of
 * each counts, and the ratio of medians.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT_DIR } from "../scripts/setup/paths.mjs";
import { encodePost } from "./http-client.mjs";
import { startService } from "./service.mjs";
import { median } from "./statistics.mjs";

const ROUNDS = 40;
const WARM_UP = 20;
const MAPS = [
  { method: "occlusion", detail: 7 },
  { method: "occlusion", detail: 12 },
  { method: "rise", detail: 7 },
  { method: "rise", detail: 12 },
];

const image = await readFile(join(ROOT_DIR, "models/samples/sunflowers-1.jpg"));
const service = await startService({ modelsDir: join(ROOT_DIR, "models") });
const headers = { "content-type": "image/jpeg", accept: "application/json" };

/** Milliseconds until the answer, and the answer. */
async function ask(path) {
  const began = performance.now();
  const { status, body } = await service.client.send(encodePost(path, headers, image));
  const ms = performance.now() - began;
  const answer = JSON.parse(body.toString());
  if (status !== 200) throw new Error(answer.detail);
  return { ms, answer };
}

const pathOf = ({ method, detail }) => `/api/explain?method=${method}&detail=${detail}`;
try {
  for (let round = 0; round < WARM_UP; round++) await ask("/infer");
  for (const map of MAPS) await ask(pathOf(map));
  const [requests, runs, maps] = [[], [], MAPS.map(() => [])];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, map] of MAPS.entries()) {
      const { ms, answer } = await ask("/infer");
      requests.push(ms);
      runs.push(answer.results[0].timings_ms.run);
      maps[index].push((await ask(pathOf(map))).ms);
    }
  }
  const [request, run] = [median(requests), median(runs)];
  console.log(`one run ${run.toFixed(2)} ms, one classification ${request.toFixed(2)} ms`);
  for (const [index, { method, detail }] of MAPS.entries()) {
    const ms = median(maps[index]);
    const beside = `${(ms / run).toFixed(1)} runs, ${(ms / request).toFixed(1)} classifications`;
    console.log(`${method} ${detail}x${detail}: ${ms.toFixed(0)} ms, ${beside}`);
  }
} finally {
  await service.stop();
}
