/**
 * Replicas that share a bucket and a database, behind HAProxy, under load: one after the other is killed (SIGKILL) and started
 * again, the bucket is gone for a while in the middle, and models are registered, switched and removed meanwhile.
 *
 *   node bench/load/replicas.mjs [--replicas 3] [--clients 8] [--seconds 120] [--outage 20] [--kill 10] [--write]
 *
 * Takes HAProxy (Debian's package), versitygw (built by `go install` where it is not cached) and PostgreSQL.
 * `--write` puts the result into docs/scale.md.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import pg from "pg";
import { startPostgres } from "../../node/test/support/postgres.mjs";
import { describeMachine } from "../machine.mjs";
import { median } from "../statistics.mjs";
import { haproxyPath, startReplicas } from "./balanced.mjs";
import { createClient, learnOutcomes, REFUSALS, randomNumbers, Tally } from "./clients.mjs";
import { Operator } from "./lives.mjs";
import { ROOT } from "./service.mjs";
import { prepareQuestions } from "./traffic.mjs";
import { installVersitygw, startVersitygw } from "./versitygw.mjs";

const PAGE = join(ROOT, "docs/scale.md");
const HEADING = "### Tried";
const BUCKET = "models";
/** Within this all replicas know of a change; past the second it is wrong. */
const SEEN_MS = 2000;
const SEEN_MS_MAX = 5000;
const HEARD_POLL_MS = 100;
const BALANCERS = ["502", "503", "504"];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * @param {object} options
 * @param {number} options.replicaCount
 * @param {number} options.clientCount
 * @param {number} options.seconds
 * @param {number} options.outageSeconds how long the bucket is gone in the middle; 0 for never
 * @param {number} options.killSeconds between two kills
 * @param {{environment: Record<string, string>, start(): Promise<void>, stop(): Promise<void>}} options.bucket
 * @param {string | null} options.databaseUrl
 */
export async function runReplicas({
  replicaCount,
  clientCount,
  seconds,
  outageSeconds,
  killSeconds,
  bucket,
  databaseUrl,
}) {
  const service = await startReplicas(replicaCount, {
    ...bucket.environment,
    MODELS_STORE: `s3://${BUCKET}/menagerie`,
    ...(databaseUrl === null ? { FEEDBACK: "off" } : { DATABASE_URL: databaseUrl }),
  });
  const questions = await prepareQuestions(ROOT, ["photo", "bad"]);
  await learnOutcomes(service.url, questions);
  const operator = new Operator(service, {
    graph: await readFile(join(ROOT, "models/flowers5/graph.pb")),
    labels: await readFile(join(ROOT, "models/flowers5/labels.txt"), "utf8"),
  });
  const tally = Object.assign(new Tally(), { seenLate: 0, servedLate: [] });
  const endMs = performance.now() + 1000 * seconds;
  const isOver = () => performance.now() > endMs;
  const living = operator.run();
  const asking = askUntil(isOver, service.url, clientCount, questions, operator, tally);
  const killing = killUntil(isOver, service.replicas, 1000 * killSeconds);
  if (outageSeconds > 0) {
    await pause((1000 * (seconds - outageSeconds)) / 2);
    await operator.pause();
    await heardByAll(service.replicas);
    await bucket.stop();
    operator.resume();
    await pause(1000 * outageSeconds);
    await bucket.start();
  }
  operator.stop();
  await asking;
  const kills = await killing;
  await living;
  const lostModels = await operator.lost();
  await service.stop();
  const remembered = databaseUrl === null ? null : await countAnswers(databaseUrl);
  return { tally, kills, operator, lostModels, remembered };
}

/** Resolves once every replica is up and has read what the bucket holds now. */
async function heardByAll(replicas) {
  const since = performance.now();
  const hasHeard = async ({ url, isUp }) => {
    if (!isUp) return false;
    const readiness = await fetch(`${url}/readyz`).then(
      (answer) => answer.json(),
      () => null,
    );
    const ago = readiness?.models_store?.heard_seconds_ago ?? null;
    return ago !== null && 1000 * (ago + 0.1) < performance.now() - since;
  };
  while (!(await Promise.all(replicas.map(hasHeard))).every(Boolean)) await pause(HEARD_POLL_MS);
}

/** Each client asks for what is always there, and one time in four for a model that the operator changes. */
async function askUntil(isOver, url, clientCount, questions, operator, tally) {
  const random = randomNumbers(1);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const own = questions.photo.filter(({ path }) => path === "/infer");
  const run = async () => {
    const client = createClient(url);
    while (!isOver()) {
      const life = random() < 0.25 ? pick(operator.lives.slice(-3)) : undefined;
      const question = life === undefined ? pick(pick(Object.values(questions))) : pick(own);
      await askOne(client, question, life, tally);
    }
    client.close();
  };
  await Promise.all(Array.from({ length: clientCount }, run));
}

async function askOne(client, question, life, tally) {
  const askedMs = performance.now();
  tally.sent += 1;
  const asked = life === undefined ? question : { ...question, path: `/infer?model=${life.id}` };
  let outcome;
  try {
    outcome = await client.ask(asked);
  } catch (error) {
    tally.lost.push(`${question.name}: ${error.message}`);
    return;
  }
  const may = (ms) => life?.outcomes(question.outcome, askedMs, performance.now(), ms) ?? [question.outcome];
  if (may(SEEN_MS).includes(outcome)) tally.answered += 1;
  else if (may(SEEN_MS_MAX).includes(outcome)) {
    tally.answered += 1;
    tally.seenLate += 1;
  } else if (REFUSALS.includes(outcome)) tally.refused[outcome] = (tally.refused[outcome] ?? 0) + 1;
  else if (BALANCERS.includes(outcome)) tally.lost.push(`${question.name}: ${outcome} of the balancer`);
  else if (life !== undefined && may(SEEN_MS_MAX).every((one) => one === "model_unknown"))
    tally.servedLate.push(`${life.id}: ${outcome}`);
  else tally.wrong.push(`${life?.id ?? ""} ${question.name}: ${outcome} instead of ${may(SEEN_MS_MAX).join(" or ")}`);
}

/** Resolves with how many were killed. */
async function killUntil(isOver, replicas, everyMs) {
  let kills = 0;
  for (let next = performance.now() + everyMs; ; next += everyMs) {
    await pause(Math.max(0, next - performance.now()));
    if (isOver()) return kills;
    const replica = replicas[kills % replicas.length];
    kills += 1;
    await replica.kill("SIGKILL");
    await replica.start();
  }
}

async function countAnswers(connectionString) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  const { rows } = await client.query("select count(*)::int as count from answers");
  await client.end();
  return rows[0].count;
}

/** What became of it, as rows. */
export function render({ tally, kills, operator, lostModels, remembered }) {
  const codes = (counts) => Object.entries(counts).map(([code, count]) => `${count} \`${code}\``);
  const seen = operator.seenMs.toSorted((a, b) => a - b);
  return [
    "| what | seen |",
    "|---|---|",
    `| questions sent | ${tally.sent} |`,
    `| answered | ${tally.answered} |`,
    `| refused | ${codes(tally.refused).join(", ") || 0} |`,
    `| lost | ${tally.lost.length} |`,
    `| wrong | ${tally.wrong.length} |`,
    `| answered by a state that was over for 2 to 5 s | ${tally.seenLate} |`,
    `| a removed model served later than 5 s | ${tally.servedLate.length} |`,
    `| replicas killed and started again | ${kills} |`,
    `| changes of models made | ${operator.changes} |`,
    `| tries of them that were refused or broken off, by status | ${codes(operator.refused).join(", ") || 0} |`,
    `| kept models that a replica lost | ${lostModels.length} |`,
    `| from a change's answer to a replica that shows it, median and longest of ${seen.length} | ${(median(seen) / 1000).toFixed(1)} s, ${((seen.at(-1) ?? 0) / 1000).toFixed(1)} s |`,
    ...(remembered === null ? [] : [`| answers remembered in PostgreSQL | ${remembered} |`]),
  ].join("\n");
}

export function failuresOf({ tally, lostModels }) {
  return [...tally.lost, ...tally.wrong, ...tally.servedLate, ...lostModels];
}

async function writeSection(text) {
  const page = await readFile(PAGE, "utf8");
  const [head, rest = ""] = page.split(`${HEADING}\n`);
  const next = rest.search(/^##/m);
  await writeFile(
    PAGE,
    `${head}${HEADING}\n\n${text}\n\n${next === -1 ? "" : rest.slice(next)}`.trimEnd().concat("\n"),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values: flags } = parseArgs({
    options: {
      replicas: { type: "string", default: "3" },
      clients: { type: "string", default: "8" },
      seconds: { type: "string", default: "120" },
      outage: { type: "string", default: "20" },
      kill: { type: "string", default: "10" },
      write: { type: "boolean", default: false },
    },
  });
  if (haproxyPath === undefined) throw new Error("HAProxy is not here; install it (apt-get install haproxy)");
  const installed = installVersitygw();
  if ("reason" in installed) throw new Error(installed.reason);
  const postgres = await startPostgres();
  const bucket = await startVersitygw(installed.path, BUCKET);
  const result = await runReplicas({
    replicaCount: Number(flags.replicas),
    clientCount: Number(flags.clients),
    seconds: Number(flags.seconds),
    outageSeconds: Number(flags.outage),
    killSeconds: Number(flags.kill),
    bucket,
    databaseUrl: (await postgres?.newDatabase()) ?? null,
  });
  await Promise.all([bucket.remove(), postgres?.remove()]);
  const failures = failuresOf(result);
  for (const failure of failures.slice(0, 20)) console.error(failure);
  const { cpu, cores, node, date, commit, loadAverage } = describeMachine();
  const text = `Written by \`node bench/load/replicas.mjs --write\`: ${flags.replicas} replicas behind HAProxy, which asks another one where one dies, with
${bucket.name} as the bucket and PostgreSQL; ${flags.clients} clients ask in a closed loop for ${flags.seconds} s, one time in four for a model that is being registered,
switched or removed. Every ${flags.kill} s, or once the last one is back, a replica is killed (SIGKILL) and started again; in the middle the bucket is gone for ${flags.outage} s.
That begins once every replica has seen the last change.

${render(result)}

- answered: the label as from one service at rest, the code that bad input must get, or for a model that changes what it was to say
  at that moment. refused: a problem that says to try again. lost: no answer, or one of the balancer's own.
- ${cpu}, ${cores} cores, which replicas, clients, bucket and database share; Node ${node}; ${date}, commit ${commit}; load average at the end ${loadAverage.toFixed(1)}.`;
  console.log(text);
  if (flags.write) await writeSection(text);
  if (failures.length > 0) process.exitCode = 1;
}
