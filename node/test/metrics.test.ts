/** `/metrics`: what is counted, under which names, and that clients add nothing to the names. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { KeyHolder } from "../src/ports.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";
import { readSamples, type Sample } from "./support/metrics.js";

const red = Buffer.from("red");

let service: FakeService;
beforeEach(async () => {
  service = await startFakeService();
});
afterEach(() => service.close());

const infer = (parts: Parameters<typeof form>[0], path = "/infer") =>
  fetch(service.url + path, { method: "POST", body: form(parts), headers: { accept: "application/json" } });

const scrape = async (): Promise<Sample[]> => readSamples(await (await fetch(`${service.url}/metrics`)).text());

/** The value of the one sample that has these labels; 0 where there is none. */
async function total(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
  const found = (await scrape()).filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  return found.reduce((sum, { value }) => sum + value, 0);
}

it("a request is counted by its row of the table of routes and by its outcome", async () => {
  await infer({ image_file: red });
  await infer({ image_file: Buffer.from("no image") });
  await fetch(`${service.url}/api/models/colours`);
  await fetch(`${service.url}/api/models/no-such-model`);
  await expect
    .poll(() => total("menagerie_requests_total", { method: "POST", route: "/infer", outcome: "ok" }))
    .toBe(1);
  expect(await total("menagerie_requests_total", { route: "/infer", outcome: "image_unsupported" })).toBe(1);
  expect(await total("menagerie_requests_total", { method: "GET", route: "/api/models/:id", outcome: "ok" })).toBe(1);
  expect(await total("menagerie_requests_total", { route: "/api/models/:id", outcome: "model_unknown" })).toBe(1);
  expect(await total("menagerie_request_duration_seconds_count", { route: "/infer" })).toBe(2);
});

it("an image with each of its models is an answer with its stages in seconds", async () => {
  await infer({ image_file: [red, Buffer.from("no image")], model: "colours" });
  await expect.poll(() => total("menagerie_answers_total", { model: "colours", outcome: "ok" })).toBe(1);
  expect(await total("menagerie_answers_total", { model: "colours", outcome: "image_unsupported" })).toBe(1);
  for (const stage of ["decode", "resize", "queue", "run", "interpret"]) {
    expect(await total("menagerie_stage_duration_seconds_sum", { stage, model: "colours" })).toBeCloseTo(0.001, 6);
  }
  expect(await total("menagerie_batch_images_sum")).toBe(1);
});

it("images that clients keep are told beside what requests hold", async () => {
  await infer({ image_file: red }, "/api/images");
  expect(await total("menagerie_images_kept")).toBe(1);
  expect(await total("menagerie_images_kept_bytes")).toBeGreaterThanOrEqual(red.length);
});

it("a request that is refused before its route, early or for its rate, is counted too", async () => {
  await service.close();
  service = await startFakeService({
    requestsMax: 1,
    requestsQueuedMax: 0,
    requestsPerWindowMax: 2,
    metricsRole: "none",
  });
  let open = () => {};
  service.classifier.gate = new Promise((resolve) => {
    open = resolve;
  });
  const first = infer({ image_file: red });
  await expect.poll(() => service.held().requests).toBe(1);
  expect((await infer({ image_file: red })).status).toBe(503);
  open();
  await first;
  expect((await fetch(`${service.url}/api/models`)).status).toBe(200);
  expect((await fetch(`${service.url}/api/models`)).status).toBe(429);
  expect(await total("menagerie_requests_total", { route: "/infer", outcome: "overloaded" })).toBe(1);
  expect(await total("menagerie_requests_total", { route: "other", outcome: "rate_limited" })).toBe(1);
});

it("a load is counted by model and outcome, and so are sleeping and waking", async () => {
  await service.close();
  service = await startFakeService({ modelsLoadedMax: 2 });
  const [one, two] = [Buffer.from("graph one"), Buffer.from("graph two")];
  await infer({ image_file: red, model_file: one });
  await infer({ image_file: red, model_file: two });
  await infer({ image_file: red, model_file: one });
  await infer({ image_file: red, model_file: Buffer.from("no graph") });
  expect(await total("menagerie_model_loads_total", { model: "uploaded", outcome: "ok" })).toBe(3);
  expect(await total("menagerie_model_loads_total", { model: "uploaded", outcome: "graph_invalid" })).toBe(1);
  expect(await total("menagerie_model_load_duration_seconds_count", { model: "uploaded" })).toBe(3);
  expect(await total("menagerie_model_wakes_total", { model: "uploaded" })).toBe(1);
  expect(await total("menagerie_model_sleeps_total", { model: "uploaded", reason: "room" })).toBeGreaterThan(1);
});

describe("no value that a client chooses becomes a label value", () => {
  const MARK = "client-made";

  it("neither a path, a query, a method, a header, a file name, a field nor an id", async () => {
    const registered = {
      image_file: red,
      model_file: Buffer.from(`graph ${MARK}`),
      label_file: Buffer.from(`${MARK}\nb\nc`),
    };
    await infer({ model_file: registered.model_file, label_file: registered.label_file, id: MARK }, "/api/models");
    await infer({ image_file: red, model: MARK });
    await infer(registered);
    await infer({ image_file: red, model: `${MARK}-unknown` });
    await infer({ image_file: red, model: `colours@${MARK}` });
    await infer({ image_url: `http://${MARK}.example/1.png` });
    await infer({ image_file: red }, `/infer?${MARK}=1`);
    await fetch(`${service.url}/api/models/${MARK}`);
    await fetch(`${service.url}/${MARK}`);
    await fetch(`${service.url}/api/models`, { method: "PATCH", headers: { "x-request-id": MARK, [MARK]: MARK } });
    const samples = await scrape();
    expect(samples.length).toBeGreaterThan(50);
    expect(JSON.stringify(samples)).not.toContain(MARK);
    const models = new Set(samples.map(({ labels }) => labels["model"]).filter((model) => model !== undefined));
    expect([...models].toSorted()).toEqual(["colours", "registered", "unknown", "uploaded"]);
  });

  it("so that a hundred addresses and ids add no series", async () => {
    const ask = async (count: number) => {
      for (let sent = 0; sent < count; sent += 1) {
        await fetch(`${service.url}/${MARK}-${sent}`);
        await infer({ image_file: red, model: `${MARK}-${sent}` });
      }
    };
    await ask(1);
    // The first reading is itself counted in the second one.
    await scrape();
    const before = (await scrape()).length;
    await ask(100);
    expect((await scrape()).length).toBe(before);
  });
});

describe("names", () => {
  it("have the project's prefix, a unit or _total at the end, and a help text", async () => {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
    expect(types.length).toBeGreaterThan(15);
    for (const [, name = "", type] of types) {
      expect(name).toMatch(/^menagerie_[a-z_]+$/);
      expect(text).toMatch(new RegExp(`^# HELP ${name} \\S.+$`, "m"));
      if (type === "counter") expect(name).toMatch(/_total$/);
      if (type === "histogram") expect(name).toMatch(/_(seconds|images)$/);
    }
  });

  it("come as the text that Prometheus reads", async () => {
    const { headers } = await fetch(`${service.url}/metrics`);
    expect(headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  });
});

describe("who may read them", () => {
  const KEYS: Readonly<Record<string, KeyHolder>> = {
    low: { role: "infer", name: "a client" },
    high: { role: "admin", name: "prometheus" },
  };
  const status = async (key?: string) => {
    const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
    return (await fetch(`${service.url}/metrics`, { headers })).status;
  };
  const start = async (metricsRole: "none" | "admin") => {
    await service.close();
    service = await startFakeService({ metricsRole, anonymousRole: "none" }, { find: (key) => KEYS[key] });
  };

  it("is an admin, where keys are asked for", async () => {
    await start("admin");
    expect([await status(), await status("low"), await status("high")]).toEqual([401, 403, 200]);
  });

  it("is everybody, where METRICS_ROLE is none", async () => {
    await start("none");
    expect(await status()).toBe(200);
  });
});
