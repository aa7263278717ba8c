/**
 * The arrows between the rooms, as ARCHITECTURE.md draws them: who may import whom.
 */
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Rooms of node/src and the page, each with the rooms that it may import. A file at the top is a room of its own. */
const NODE_ARROWS: Readonly<Record<string, readonly string[]>> = {
  generated: [],
  ports: ["generated"],
  errors: ["generated"],
  places: [],
  config: ["places"],
  "listen-problem": ["errors"],
  printable: [],
  counted: [],
  "join-chunks": [],
  "collect-garbage": [],
  "fair-queue": ["ports"],
  "unless-aborted": [],
  "start-child": [],
  "worker-pool": ["fair-queue", "ports"],
  "grpc-messages": ["errors"],
  tensors: ["generated"],
  client: ["generated"],
  "share-image": ["ports"],
  decide: ["counted", "join-chunks", "ports", "errors", "generated"],
  classify: ["decide", "share-image", "ports", "errors", "generated"],
  explain: ["classify", "ports", "generated"],
  shares: ["fair-queue", "ports"],
  sha256: [],
  wilson: [],
  "label-name": [],
  s3: [],
  postgres: [],
  "look-each-second": [],
  "wasm-module": ["generated"],
  "teach-jobs": ["generated", "ports"],
  "teach-process": ["teach", "service", "config", "errors"],
  front: [
    "fair-queue",
    "shares",
    "unless-aborted",
    "ports",
    "errors",
    "generated",
    "printable",
    "counted",
    "join-chunks",
  ],
  routes: [
    "front",
    "teach-jobs",
    "classify",
    "decide",
    "explain",
    "ports",
    "errors",
    "generated",
    "printable",
    "counted",
  ],
  protocols: ["front", "classify", "grpc-messages", "tensors", "ports", "errors", "generated", "printable", "counted"],
  engines: [
    "counted",
    "start-child",
    "fair-queue",
    "worker-pool",
    "unless-aborted",
    "grpc-messages",
    "tensors",
    "printable",
    "ports",
    "errors",
    "generated",
    "wasm-module",
  ],
  models: [
    "counted",
    "s3",
    "look-each-second",
    "shares",
    "fair-queue",
    "unless-aborted",
    "ports",
    "errors",
    "generated",
    "join-chunks",
    "sha256",
    "wasm-module",
  ],
  images: [
    "counted",
    "sha256",
    "shares",
    "unless-aborted",
    "fair-queue",
    "ports",
    "errors",
    "generated",
    "join-chunks",
    "collect-garbage",
    "wasm-module",
    "worker-pool",
  ],
  zoo: ["counted", "models", "ports", "errors", "generated", "sha256", "wilson", "wasm-module"],
  teach: [
    "counted",
    "start-child",
    "zoo",
    "models",
    "fair-queue",
    "shares",
    "teach-jobs",
    "label-name",
    "ports",
    "errors",
    "generated",
    "sha256",
    "wilson",
    "wasm-module",
  ],
  feedback: ["postgres", "join-chunks", "shares", "unless-aborted", "ports", "errors", "generated", "wasm-module"],
  keys: ["look-each-second", "postgres", "ports", "errors"],
  rates: ["look-each-second", "postgres", "ports"],
  observe: ["ports", "generated", "printable"],
  app: ["teach-jobs", "classify", "explain", "front", "grpc-messages", "protocols", "routes", "ports"],
  service: [
    "start-child",
    "decide",
    "generated",
    "fair-queue",
    "unless-aborted",
    "engines",
    "feedback",
    "models",
    "images",
    "keys",
    "rates",
    "observe",
    "sha256",
    "wasm-module",
    "zoo",
    "teach",
    "teach-jobs",
    "config",
    "places",
    "errors",
    "generated",
    "ports",
  ],
  server: ["app", "collect-garbage", "front", "service", "config", "errors", "ports", "generated", "listen-problem"],
  index: ["decide", "service", "sha256", "config", "errors", "ports", "generated"],
  doctor: ["service", "zoo", "listen-problem", "config", "places", "errors"],
  cli: [
    "counted",
    "doctor",
    "teach",
    "zoo",
    "index",
    "printable",
    "s3",
    "sha256",
    "server",
    "service",
    "config",
    "places",
    "errors",
    "generated",
  ],
  web: ["client", "generated", "printable", "label-name", "wilson"],
};

/** Crates, each with the crates of this project that it may use. */
const CRATE_ARROWS: Readonly<Record<string, readonly string[]>> = {
  "native/contract": [],
  "native/graph": ["contract"],
  "native/teach": ["contract"],
  "native/engine": ["contract", "graph"],
  "native/cli": ["contract", "graph", "engine", "wrapper"],
  "native/addon": ["contract", "graph", "engine"],
  "native/wrapper": ["contract"],
  "native/wrapper-template": ["wrapper"],
  wasm: ["contract", "graph", "teach"],
};

test("the rooms of node import along the arrows alone", async () => {
  const strays: string[] = [];
  for (const file of [...(await sourcesIn("node/src")), ...(await sourcesIn("node/web/src"))]) {
    const room = roomOf(file);
    const allowed = NODE_ARROWS[room];
    expect(allowed, `${file} belongs to no room`).toBeDefined();
    for (const imported of await importsOf(file)) {
      const target = roomOf(imported);
      if (target !== room && !allowed?.includes(target)) {
        strays.push(`${file} imports ${imported}`);
      }
    }
  }
  expect(strays).toEqual([]);
});

test.each(Object.entries(CRATE_ARROWS))(
  "the crate in %s uses no others of this project than [%s]",
  async (folder, allowed) => {
    const manifest = await readFile(join(ROOT, folder, "Cargo.toml"), "utf8");
    const used = [...manifest.matchAll(/^menagerie-(\w+)\b.*(?:workspace|path)/gm)].map(([, crate = ""]) => crate);
    expect(allowed).toEqual(expect.arrayContaining(used));
  },
);

test("only server.ts listens and handles signals, but for the doctor, who tries whether it could", async () => {
  const sources = await sourcesIn("node/src");
  const listening: string[] = [];
  for (const file of sources) {
    if (/\b(process\.on|\.listen)\(/.test(await readFile(join(ROOT, file), "utf8"))) {
      listening.push(file);
    }
  }
  expect(listening.toSorted()).toEqual(["node/src/doctor/port.ts", "node/src/server.ts"]);
});

async function sourcesIn(folder: string): Promise<string[]> {
  const files = await readdir(join(ROOT, folder), { recursive: true });
  return files.filter((file) => /\.tsx?$/.test(file)).map((file) => `${folder}/${file}`);
}

/** Files of this project that a file imports, from the root. */
async function importsOf(file: string): Promise<string[]> {
  const text = await readFile(join(ROOT, file), "utf8");
  const specifiers = [...text.matchAll(/(?:from |import\()"(\.[^"]+)"/g)].map(([, specifier = ""]) => specifier);
  return specifiers.map((specifier) => normalize(join(dirname(file), specifier)));
}

function roomOf(file: string): string {
  const [, source = ""] = /^node\/(?:src\/)?(.+)$/.exec(file) ?? [];
  return (source.split("/")[0] ?? "").replace(/\.[jt]sx?$/, "");
}
