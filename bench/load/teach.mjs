/**
 * What a job of teaching costs whoever asks meanwhile: one honest client, in turns alone and while a job runs.
 * `node bench/load/teach.mjs PHOTOS [--base ID] [--rounds N] [--seconds N]`; PHOTOS has one folder a label.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findLabelledPhotos } from "../../node/dist/cli/labelled-photos.js";
import { describeMachine } from "../machine.mjs";
import { percentile } from "../statistics.mjs";
import { askHonestly } from "./fairness/honest.mjs";
import { ROOT, startService } from "./service.mjs";

const OPTIONS = /** @type {const} */ ({
  base: { type: "string", default: "flowers5" },
  rounds: { type: "string", default: "5" },
  seconds: { type: "string", default: "10" },
});
const PHOTO = join(ROOT, "models/samples/roses-1.jpg");

const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
const [folder = ""] = positionals;
const seconds = Number(values.seconds);
const photo = readFileSync(process.env["PHOTO"] ?? PHOTO);
const service = await startService();
try {
  const job = await collect(service.url, folder);
  await askHonestly(service.url, photo, 2);
  const [alone, beside] = [[], []];
  let begun = 0;
  for (let round = 0; round < Number(values.rounds); round += 1) {
    await ask(`/${job}/cancel`, { method: "POST" });
    await quiet();
    alone.push(await askHonestly(service.url, photo, seconds));
    const running = keepRunning(job);
    beside.push(await askHonestly(service.url, photo, seconds));
    begun += await running.end();
  }
  const of = (outcomes) => outcomes.flatMap(({ times }) => times).sort((one, other) => one - other);
  const [one, other] = [of(alone), of(beside)];
  const ratio = percentile(other, 0.99) / percentile(one, 0.99);
  const told = (times) => [0.5, 0.99].map((share) => `${percentile(times, share).toFixed(1)} ms`).join(", ");
  console.log(`alone p50, p99: ${told(one)} (${one.length} answers); beside a job: ${told(other)} (${other.length})`);
  console.log(`p99 is ${ratio.toFixed(2)} times that alone; ${begun} runs were begun`);
  console.log(`failed: ${JSON.stringify([...alone, ...beside].map(({ failed }) => failed))}`);
  console.log(describeMachine());
} finally {
  await service.stop();
}

/** Sees that a run is at work until its end is asked for, which answers how many were begun. */
function keepRunning(job) {
  let isOver = false;
  const kept = (async () => {
    let count = 0;
    while (!isOver) {
      const { state } = await ask(`/${job}`);
      if (state !== "running" && state !== "waiting") {
        await ask(`/${job}/start`, { method: "POST" });
        count += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return count;
  })();
  return {
    end: () => {
      isOver = true;
      return kept;
    },
  };
}

/** Until what was cancelled has ended. */
async function quiet() {
  await new Promise((resolve) => setTimeout(resolve, 4000));
}

async function ask(path, init) {
  const response = await fetch(`${service.url}/api/teach${path}`, init);
  if (!response.ok) throw new Error(await response.text());
  return response.status === 204 ? null : await response.json();
}

async function collect(url, dir) {
  const { id } = await ask("", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ base: values.base }),
  });
  const photos = await findLabelledPhotos(dir);
  for (const { label, read } of photos) {
    const body = await read();
    const sha256 = createHash("sha256").update(body).digest("hex");
    await ask(`/${id}/photos/${sha256}?${new URLSearchParams({ label })}`, {
      method: "PUT",
      headers: { "content-type": "image/jpeg" },
      body,
    });
  }
  console.log(`${photos.length} photos at ${url}`);
  return id;
}
