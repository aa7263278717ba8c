/** `bench/load/replicas.mjs` for half a minute, with a bucket of the tests' own: the whole run is its own. */
import { expect, it } from "vitest";
import { type FakeS3, startFakeS3 } from "../support/fake-s3.mjs";

interface Tally {
  readonly answered: number;
  readonly seenLate: number;
  readonly lost: string[];
  readonly wrong: string[];
  readonly servedLate: string[];
}

interface Replicas {
  runReplicas(options: {
    replicaCount: number;
    clientCount: number;
    seconds: number;
    outageSeconds: number;
    killSeconds: number;
    bucket: FakeS3;
    databaseUrl: null;
  }): Promise<{ tally: Tally; kills: number; operator: { changes: number }; lostModels: string[] }>;
}

const load = (name: string) => import(new URL(`../../../bench/load/${name}`, import.meta.url).href);
const { runReplicas } = (await load("replicas.mjs")) as Replicas;
const { haproxyPath } = (await load("balanced.mjs")) as { haproxyPath: string | undefined };

it("replicas that are killed, and whose bucket goes, lose no request and no model and give no wrong answer", async ({
  skip,
}) => {
  if (haproxyPath === undefined) skip("HAProxy is not here; install it (apt-get install haproxy)");
  const bucket = await startFakeS3("models");
  const options = { replicaCount: 2, clientCount: 4, seconds: 25, outageSeconds: 5, killSeconds: 8 };
  const { tally, kills, operator, lostModels } = await runReplicas({ ...options, bucket, databaseUrl: null });
  await bucket.stop();
  const { lost, wrong, servedLate } = tally;
  expect({ lost, wrong, servedLate, lostModels }).toEqual({ lost: [], wrong: [], servedLate: [], lostModels: [] });
  expect(kills).toBeGreaterThan(0);
  expect(tally.answered).toBeGreaterThan(0);
  expect(operator.changes).toBeGreaterThan(0);
}, 180_000);
