/**
 * What the documentation says of the code, compared with the code.
 */
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { status } from "@grpc/grpc-js";
import type { ServiceDefinition } from "@grpc/proto-loader";
import { describe, expect, test } from "vitest";
import { describeConfig, RULES } from "../src/config.js";
import { HTTP_STATUS } from "../src/errors.js";
import { templateOf } from "../src/front/route.js";
import { LICENCES } from "../src/generated/contract.js";
import { loadMessages } from "../src/grpc-messages.js";
import { parseManifest } from "../src/models/manifest.js";
import { GRPC_STATUS } from "../src/protocols/grpc/statuses.js";
import { startFakeService } from "./support/fake-service.js";

const ROOT = new URL("../../", import.meta.url);
const CONFIGURATION = "docs/configuration.md";

/** Settings whose default depends on the machine, in words. */
const MACHINE_DEFAULTS: Readonly<Record<string, string>> = {
  WORKER_THREADS: "one more than the cores, at most 16",
  STRANGER_LOADS_MAX: "half of the cores",
  UPLOADS_HELD_BYTES_MAX: "a quarter of the memory, 768 MiB to 1 GiB",
  IMAGES_KEPT_BYTES_MAX: "a sixteenth of the memory, 128 to 512 MiB",
  MODELS_MEMORY_BYTES_MAX: "a quarter of the memory, 512 MiB to 2 GiB",
  TEACH_MEMORY_BYTES_MAX: "a thirty-second of the memory, 64 to 256 MiB",
  UPLOADED_GRAPHS_BYTES_MAX: "a sixteenth of the memory, 64 to 512 MiB",
  ENGINE_MEMORY_BYTES_MAX: "half of the memory, 1 to 4 GiB",
};

const read = (path: string) => readFile(new URL(path, ROOT), "utf8");

describe("the configuration", () => {
  const rows = describeConfig().map(
    ({ variable, fallback, meaning, rule }) =>
      `| \`${variable}\` | ${MACHINE_DEFAULTS[variable] ?? fallback} | ${meaning.replaceAll("|", "\\|")} | ${rule ?? ""} |`,
  );

  test(`${CONFIGURATION} is the table of the schema (write it anew with vitest -u)`, async () => {
    const page = [
      "# Configuration",
      "",
      "Environment variables. Each is checked at start; a value out of its range stops the start with a message that",
      "names it. Paths are shown from the project's folder.",
      "",
      "The last column names the rule that a limit serves:",
      "",
      ...Object.entries(RULES).map(([name, rule]) => `- **${name}**: ${rule}`),
      "",
      "What the rules come to beside attackers is measured in [fairness.md](fairness.md).",
      "",
      "| variable | default | meaning | rule |",
      "|---|---|---|---|",
      ...rows,
      "",
    ].join("\n");
    await expect(page).toMatchFileSnapshot(fileURLToPath(new URL(CONFIGURATION, ROOT)));
  });

  test("each setting that the README shows is a row of that table", async () => {
    const shown = (await read("README.md")).split("\n").filter((line) => /^\| `[A-Z_]+` \|/.test(line));
    expect(shown.length).toBeGreaterThan(3);
    const known = rows.map((row) => withoutSpace(row.replace(/\| \w* \|$/, "|")));
    expect(known).toEqual(expect.arrayContaining(shown.map(withoutSpace)));
  });

  test("each limit serves a rule", () => {
    const limits = describeConfig().filter(({ variable }) => /_(MAX|MIN|MS|QUEUED|RETRIES)\b/.test(variable));
    expect(limits.length).toBeGreaterThan(30);
    expect(limits.filter(({ rule }) => rule === null)).toEqual([]);
  });
});

test("docs/http-api.md has every error code with its status", async () => {
  const rows = (await read("docs/http-api.md")).matchAll(/^\| `([a-z_]+)` \| (\d{3}) \|/gm);
  expect(Object.fromEntries([...rows].map(([, code, status]) => [code, Number(status)]))).toEqual(HTTP_STATUS);
});

test("docs/http-api.md and docs/protocols.md name every call of the app and no other", async () => {
  const service = await startFakeService();
  await service.close();
  const routes = service.routes.map(({ method, path }) => `${method.toUpperCase()} ${templateOf(path)}`);
  const page = (await read("docs/http-api.md")) + (await read("docs/protocols.md"));
  const documented = [...page.matchAll(/^(?:## |\| `)((?:GET|POST|PUT|DELETE) \/[^`\s]+)/gm)].map(([, call]) => call);
  expect(routes.length).toBeGreaterThan(3);
  expect(documented.toSorted()).toEqual(routes.toSorted());
});

test("docs/protocols.md has every error code with its gRPC status, and every method of the gRPC port", async () => {
  const page = await read("docs/protocols.md");
  const rows = page.matchAll(/^\| `([a-z_]+)` \| `([A-Z_]+)` \|$/gm);
  const statuses = Object.entries(GRPC_STATUS).map(([code, number]) => [code, status[number]]);
  expect(Object.fromEntries([...rows].map(([, code, name]) => [code, name]))).toEqual(Object.fromEntries(statuses));
  const services = page.matchAll(/^\| `((?:inference|tensorflow)[\w.]+)` \| (.*) \|$/gm);
  const documented = [...services].flatMap(([, service, methods = ""]) =>
    [...methods.matchAll(/`(\w+)`/g)].map(([, method]) => `/${service}/${method}`),
  );
  const there = Object.values(loadMessages().definition()).flatMap((part) =>
    "format" in part ? [] : Object.values(part as ServiceDefinition).map(({ path }) => path),
  );
  expect(documented.toSorted()).toEqual(there.toSorted());
});

test("the manifest in docs/models.md is one", async () => {
  const [, json = ""] = /```json\n(.*?)```/s.exec(await read("docs/models.md")) ?? [];
  expect(parseManifest(JSON.parse(json)).id).toBe("my-birds");
});

test("docs/models.md lists the licences that the zoo takes", async () => {
  const [, list = ""] = /in this project's zoo one of ([^;]+?)\.\n/s.exec(await read("docs/models.md")) ?? [];
  expect(list.split(/,\s+| and /)).toEqual([...LICENCES]);
});

test("the README's models have the accuracy of their manifests", async () => {
  const shown = [...(await read("README.md")).matchAll(/^\| `([a-z0-9]+)`.* \| ([\d.]+) % of (\d+) \|/gm)];
  expect(shown.map(([, id]) => id)).toEqual(["flowers5", "waste6"]);
  for (const [, id, percent, photos] of shown) {
    const { accuracy } = parseManifest(JSON.parse(await read(`models/${id}/manifest.json`)));
    expect([(100 * (accuracy?.top1 ?? 0)).toFixed(1), String(accuracy?.photos)]).toEqual([percent, photos]);
  }
});

test("every test that ARCHITECTURE.md names as a check is there", async () => {
  const names = [...(await read("ARCHITECTURE.md")).matchAll(/`(?:node\/test\/)?((?:e2e\/)?[\w-]+\.test\.ts)`/g)];
  expect(names.length).toBeGreaterThan(10);
  for (const [, name] of names) {
    expect(await isThere(new URL(`node/test/${name}`, ROOT)), name).toBe(true);
  }
});

test("every file that a page links to is there", async () => {
  const docs = (await readdir(new URL("docs/", ROOT))).filter((file) => file.endsWith(".md"));
  const pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", ...docs.map((file) => `docs/${file}`)];
  const missing: string[] = [];
  for (const page of pages) {
    for (const [, target = ""] of (await read(page)).matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
      const file = new URL(target, new URL(page, ROOT));
      if (file.protocol === "file:" && !(await isThere(file))) {
        missing.push(`${page}: ${target}`);
      }
    }
  }
  expect(missing).toEqual([]);
});

async function isThere(file: URL): Promise<boolean> {
  return readFile(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === "EISDIR",
  );
}

function withoutSpace(row: string): string {
  return row.replaceAll(" ", "");
}
