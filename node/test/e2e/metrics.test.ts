/** The dashboard of deploy/grafana beside the metrics of a service that went through all that it draws. */
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { readSamples, type Sample } from "../support/metrics.js";
import { solidPng } from "../support/png.js";
import { makeColourZoo, type RunningServer, signalAll, startServer } from "../support/server.js";

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

let zoo: string;
let server: RunningServer;
let samples: Sample[];
let dashboard: Dashboard;

const scrape = async () => readSamples(await (await fetch(`${server.url}/metrics`)).text());

const RED = solidPng(32, 32, [255, 0, 0]);
const classify = async (model: string, { image = RED, requestId = "" } = {}) =>
  (
    await fetch(`${server.url}/infer?format=json&model=${model}`, {
      method: "POST",
      headers: { "content-type": "image/png", ...(requestId === "" ? {} : { "x-request-id": requestId }) },
      body: new Uint8Array(image),
    })
  ).status;

async function say(requestId: string, label: string): Promise<number> {
  const body = JSON.stringify({ request_id: requestId, label });
  const headers = { "content-type": "application/json" };
  return (await fetch(`${server.url}/api/feedback`, { method: "POST", headers, body })).status;
}

beforeAll(async () => {
  dashboard = JSON.parse(await readFile(join(ROOT_DIR, "deploy/grafana/menagerie.json"), "utf8")) as Dashboard;
  zoo = await makeColourZoo();
  await cp(join(zoo, "colours"), join(zoo, "shades"), { recursive: true });
  const path = join(zoo, "shades/manifest.json");
  const manifest = JSON.parse(await readFile(path, "utf8")) as { input: object };
  // Another setting makes it another engine's.
  const other = { ...manifest, id: "shades", default: false, input: { ...manifest.input, std: [127] } };
  await writeFile(path, JSON.stringify(other));
  server = await startServer({ MODELS_DIR: zoo, MODELS_LOADED_MAX: "1" });
  for (const [place, model] of ["colours", "shades", "colours"].entries()) {
    expect(await classify(model, { requestId: `asked-${place}` })).toBe(200);
  }
  expect(await classify("colours", { image: Buffer.from("no image") })).toBe(415);
  for (const label of ["red", "green"]) expect(await say("asked-0", label)).toBe(200);
  signalAll(server.engines(), "SIGKILL");
  await vi.waitFor(async () => {
    expect((await scrape()).find(({ name }) => name === "menagerie_engine_restarts_total")?.value).toBeGreaterThan(0);
  }, 30_000);
  samples = await scrape();
});
afterAll(async () => {
  await server?.stop();
  await rm(zoo, { recursive: true });
});

describe("the dashboard", () => {
  const drawn = () =>
    dashboard.panels.flatMap(({ targets }) =>
      targets.flatMap(({ expr }) =>
        [...expr.matchAll(/(menagerie_\w+)\{([^}]*)\}/g)].map(([, name = "", selector = ""]) => ({ name, selector })),
      ),
    );

  it("draws metrics that the service has, with labels and values that it gives them", () => {
    expect(drawn().length).toBeGreaterThan(20);
    for (const { name, selector } of drawn()) {
      const wanted = [...selector.matchAll(/(\w+)(!?=)"([^"]*)"/g)];
      const found = samples.filter(
        (sample) =>
          sample.name === name &&
          wanted.every(([, label = "", sign, value]) => (sample.labels[label] === value) === (sign === "=")),
      );
      expect(found, `${name}{${selector}}`).not.toEqual([]);
    }
  });

  it("groups by labels that they have", () => {
    for (const { targets } of dashboard.panels) {
      for (const { expr } of targets) {
        const names = [...expr.matchAll(/menagerie_\w+/g)].map(([name]) => name);
        const labels = new Set(
          samples.filter(({ name }) => names.includes(name)).flatMap(({ labels: own }) => Object.keys(own)),
        );
        const groups = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = ""]) => list.split(", "));
        expect([...labels], expr).toEqual(expect.arrayContaining(groups));
      }
    }
  });

  it("leaves none out", () => {
    const base = (name: string) => name.replace(/_(bucket|sum|count)$/, "");
    expect(new Set(drawn().map(({ name }) => base(name)))).toEqual(new Set(samples.map(({ name }) => base(name))));
  });
});

describe("a service that went through all of it", () => {
  const total = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    samples
      .filter(
        (sample) =>
          sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
      )
      .reduce((sum, { value }) => sum + value, 0);

  it("counts loads, sleeps and wakes of each model", () => {
    expect(total("menagerie_model_loads_total", { model: "colours", outcome: "ok" })).toBeGreaterThanOrEqual(2);
    expect(total("menagerie_model_sleeps_total", { model: "shades", reason: "room" })).toBe(1);
    expect(total("menagerie_model_wakes_total", { model: "colours" })).toBe(1);
  });

  it("counts what was said of answers, each time", () => {
    expect(total("menagerie_feedback_total", { agreement: "right" })).toBe(1);
    expect(total("menagerie_feedback_total", { agreement: "wrong" })).toBe(1);
    expect(total("menagerie_feedback_dropped_total")).toBe(0);
  });

  it("has the stages of real answers, none of which took longer than its request", () => {
    const spent = total("menagerie_stage_duration_seconds_sum");
    expect(spent).toBeGreaterThan(0);
    expect(spent).toBeLessThan(total("menagerie_request_duration_seconds_sum", { route: "/infer" }));
    expect(total("menagerie_stage_duration_seconds_count", { stage: "run" })).toBe(3);
  });

  it("says what confines its engines and what memory it takes", () => {
    expect(total("menagerie_sandbox_measures", { state: "held" })).toBeGreaterThan(0);
    expect(total("menagerie_memory_bytes", { process: "service" })).toBeGreaterThan(10e6);
  });
});
