/** Services whose tensors run in a second service, over each of the protocols that it speaks. */
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import type { Finding } from "../../src/doctor/finding.js";
import type { Answer, ModelSpec } from "../../src/generated/contract.js";
import { runCommand } from "../support/command.js";
import { meanColourGraph } from "../support/graph-def.js";
import { makeColourZoo, type RunningServer, startServer } from "../support/server.js";

const SPEECHES = ["v2+http", "v2+grpc", "tfs+http"] as const;
const PHOTOS = ["daisy-2", "roses-2", "tulips-2"];
const MODELS = ["flowers5", "waste6"];

interface Body {
  readonly results: readonly (Answer & { readonly model: { readonly runtime: object } })[];
}

let second: RunningServer;
let services: RunningServer[] = [];
beforeAll(async () => {
  second = await startServer({ GRPC_PORT: "0" });
  services = await Promise.all(SPEECHES.map((speech) => startServer({ ENGINE: addressOf(second, speech) })));
});
afterAll(async () => {
  await Promise.all([second, ...services].map((server) => server.stop()));
});

/** Of a service, for `ENGINE`. */
function addressOf({ url, announcement }: RunningServer, speech: (typeof SPEECHES)[number]): string {
  const grpc = /gRPC (\S+)/.exec(announcement)?.[1] ?? "";
  return `${speech}://${speech === "v2+grpc" ? grpc : url.replace("http://", "")}`;
}

async function ask(url: string, photo: string, query = ""): Promise<Body["results"]> {
  const body = await readFile(join(ROOT_DIR, `models/samples/${photo}.jpg`));
  const models = MODELS.map((id) => `model=${id}`).join("&");
  const response = await fetch(`${url}/infer?${models}${query}`, {
    method: "POST",
    headers: { "content-type": "image/jpeg", accept: "application/json" },
    body,
  });
  return ((await response.json()) as Body).results;
}

describe.each(SPEECHES)("a service whose tensors run elsewhere (%s)", (speech) => {
  const serviceOf = () => services[SPEECHES.indexOf(speech)] ?? second;

  it("answers what the other one answers by itself: probabilities within 0.00001, labels and bands", async () => {
    const service = serviceOf();
    expect(service.engines()).toEqual([]);
    for (const photo of PHOTOS) {
      const [found, wanted] = await Promise.all([service, second].map(({ url }) => ask(url, photo, "&top_k=6")));
      expect(found).toHaveLength(MODELS.length);
      for (const [at, answer] of (found ?? []).entries()) {
        const own = wanted?.[at];
        expect(answer).toMatchObject({ label: own?.label, band: own?.band, input: own?.input });
        for (const [place, { label, probability }] of answer.top.entries()) {
          expect(label).toBe(own?.top[place]?.label);
          expect(Math.abs(probability - (own?.top[place]?.probability ?? Number.NaN))).toBeLessThanOrEqual(1e-5);
        }
      }
    }
  });

  it("says what runs them, and takes no graphs of clients", async () => {
    const service = serviceOf();
    const [answer] = await ask(service.url, "daisy-2");
    const name = speech === "tfs+http" ? "TensorFlow Serving" : "menagerie";
    expect(answer?.model.runtime).toMatchObject({ name });
    const readiness = (await (await fetch(`${service.url}/readyz`)).json()) as { engine: object };
    expect(readiness).toMatchObject({ ready: true, engine: { kind: "remote", runtime: { name } } });
    const form = new FormData();
    form.set("model_file", new Blob([new Uint8Array(meanColourGraph())]), "graph.pb");
    form.set("image_file", new Blob([await readFile(join(ROOT_DIR, "models/samples/daisy-2.jpg"))]), "daisy.jpg");
    const refused = await fetch(`${service.url}/infer`, {
      method: "POST",
      body: form,
      headers: { accept: "application/json" },
    });
    expect([refused.status, (await refused.json()) as object]).toMatchObject([403, { code: "forbidden" }]);
  });

  it("reads graphs as the engine does", async () => {
    const [found, wanted] = await Promise.all(
      [serviceOf(), second].map(
        async ({ url }) => (await fetch(`${url}/api/models/waste6`)).json() as Promise<ModelSpec>,
      ),
    );
    const { input, output, graph, evidence, verdict, warnings, labels } = wanted ?? {};
    expect(input).toMatchObject({ tensor: "input" });
    expect(found).toMatchObject({ input, output, graph, evidence, verdict, warnings, labels });
  });

  it("explains an answer by runs elsewhere, too", async () => {
    const body = await readFile(join(ROOT_DIR, "models/samples/daisy-2.jpg"));
    const headers = { "content-type": "image/jpeg", accept: "application/json" };
    const query = "model=flowers5&method=occlusion&detail=4";
    const maps = await Promise.all(
      [serviceOf(), second].map(async ({ url }) => {
        const response = await fetch(`${url}/api/explain?${query}`, { method: "POST", headers, body });
        expect(response.status, await response.clone().text()).toBe(200);
        return (await response.json()) as { label?: string };
      }),
    );
    expect(maps[0]?.label).toBe(maps[1]?.label);
  });
});

describe("a service whose other server goes", () => {
  it("says so, refuses, and answers again when that is back", async () => {
    const zoo = await makeColourZoo();
    let other = await startServer({ MODELS_DIR: zoo });
    const { port } = new URL(other.url);
    const service = await startServer({ MODELS_DIR: zoo, ENGINE: addressOf(other, "v2+http") });
    const ready = async () => (await fetch(`${service.url}/readyz`)).status;
    const infer = async () => {
      const response = await fetch(`${service.url}/infer`, {
        method: "POST",
        headers: { "content-type": "image/jpeg", accept: "application/json" },
        body: await readFile(join(ROOT_DIR, "models/samples/daisy-2.jpg")),
      });
      return { status: response.status, retry: response.headers.get("retry-after"), body: await response.text() };
    };
    expect([await ready(), (await infer()).status]).toEqual([200, 200]);
    await other.stop("SIGKILL");
    const refused = await infer();
    expect(refused).toMatchObject({ status: 503, retry: "1", body: expect.stringContaining("engine_unavailable") });
    expect(refused.body).not.toContain(port);
    await expect.poll(ready).toBe(503);
    other = await startServer({ MODELS_DIR: zoo, PORT: port });
    await expect.poll(ready).toBe(200);
    expect((await infer()).status).toBe(200);
    await Promise.all([service.stop(), other.stop()]);
    await rm(zoo, { recursive: true });
  });
});

describe("menagerie doctor, of another server", () => {
  async function examine(environment: Record<string, string>): Promise<Finding[]> {
    const env = { HOST: "127.0.0.1", PORT: "0", FEEDBACK_DIR: join(tmpdir(), "menagerie-none"), ...environment };
    const { stdout } = await runCommand(["doctor", "--json"], { cwd: tmpdir(), env });
    const findings = stdout.trim().split("\n");
    return findings.map((line) => JSON.parse(line) as Finding).filter(({ check }) => check === "remote");
  }

  it("says whether it is there, and answers for the zoo's models", async () => {
    const zoo = await makeColourZoo();
    const ofColours = { MODELS_DIR: zoo, REMOTE_MODELS: "colours=flowers5" };
    const [[found], [misfit], [gone]] = await Promise.all([
      examine({ ENGINE: addressOf(second, "v2+http") }),
      examine({ ENGINE: addressOf(second, "v2+grpc"), ...ofColours }),
      examine({ ENGINE: "v2+http://127.0.0.1:9", ...ofColours }),
    ]);
    expect(found).toMatchObject({ state: "green", found: expect.stringMatching(/^menagerie .* answers for 2 of/) });
    const told = expect.stringMatching(/does not fit flowers5 .*\[-1, 144, 144, 3\]/);
    expect(misfit).toMatchObject({ state: "red", found: told });
    expect(gone).toMatchObject({ state: "red", found: expect.stringContaining("cannot be reached (ECONNREFUSED)") });
    await rm(zoo, { recursive: true });
  });
});
