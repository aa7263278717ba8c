/**
 * The packages as others get them: packed, unpacked beside nothing but what they depend on, with the examples of their
 * READMEs run on them.
 */
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT_DIR, readConfig } from "../src/config.js";
import { LIBTENSORFLOW_DIR } from "./support/paths.js";
import { startServer } from "./support/server.js";

const run = promisify(execFile);

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** By name: its folder, what must be in it, and what its example prints. */
const PACKAGES = {
  "@menagerie/wasm": {
    dir: "wasm",
    holds: ["README.md", "pkg/menagerie_wasm_bg.wasm", "pkg-web/menagerie_wasm_bg.wasm", "dist/wasm/js/node.d.ts"],
    prints: [
      /^\d+ x \d+, \d+ bytes$/,
      /^150528 bytes for a model$/,
      /^{ count: 5, format: 'plain' }$/,
      /^roses, [a-z ]+ confidence$/,
    ],
    types: `import { openImages } from "@menagerie/wasm";
const { pixels }: { pixels: Uint8Array } = (await openImages()).decode(new Uint8Array());
export const count: number = pixels.length;`,
  },
  "@menagerie/native": {
    dir: "native/addon",
    holds: ["README.md", "index.js", "index.d.ts"],
    prints: [/^144 x 144 x 3 to 5 classes$/, /^5 scores, softmax$/],
    types: `import native from "@menagerie/native";
export const model: native.Model = await native.Model.load(new Uint8Array(), "{}");`,
  },
  menagerie: {
    dir: "node",
    holds: ["README.md", "bin/menagerie.mjs", "dist/index.js", "dist/index.d.ts", "web/dist/index.html"].concat([
      ...["dist/client/index.js", "dist/client/index.d.ts", "web/dist/menagerie-client.js"],
      "web/dist/menagerie_client.py",
    ]),
    prints: [/^roses, [a-z ]+ confidence \(\d+ %\)$/],
    types: `import { createClassifier } from "menagerie";
const { label }: { label: string } = await (await createClassifier()).classify(new Uint8Array());
export const length: number = label.length;
import { createClient, MenagerieError, type InferAnswer } from "menagerie/client";
const { results }: InferAnswer = await createClient("http://localhost").infer([new Blob()], { top_k: 1 });
export const outcomes: string[] = results.map((item) => ("error" in item ? item.error.code : item.label));
export const code: string = new MenagerieError("overloaded", "").code;`,
  },
} as const;

const NAMES = Object.keys(PACKAGES) as (keyof typeof PACKAGES)[];

describe("the packages", () => {
  /** Below the clone, whose node_modules hold what the packages depend on. */
  let dir: string;
  const packed = new Map<string, Packed>();

  beforeAll(async () => {
    await mkdir(join(ROOT_DIR, ".cache"), { recursive: true });
    dir = await mkdtemp(join(ROOT_DIR, ".cache/packages-"));
    for (const name of NAMES) {
      const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", dir], {
        cwd: join(ROOT_DIR, PACKAGES[name].dir),
      });
      const [one] = JSON.parse(stdout) as Packed[];
      if (one === undefined) throw new Error(`npm packs no ${name}`);
      packed.set(name, one);
      const place = join(dir, "node_modules", name);
      await mkdir(place, { recursive: true });
      await run("tar", ["-xzf", join(dir, one.filename), "--strip-components=1", "-C", place]);
    }
    await copyFile(join(ROOT_DIR, "models/samples/roses-1.jpg"), join(dir, "photo.jpg"));
    for (const file of ["graph.pb", "labels.txt"])
      await copyFile(join(ROOT_DIR, "models/flowers5", file), join(dir, file));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  test.each(NAMES)("%s holds what it needs, and no tests and sources", (name) => {
    const files = packed.get(name)?.files.map(({ path }) => path) ?? [];
    expect(files).toEqual(expect.arrayContaining([...PACKAGES[name].holds]));
    expect(files.filter((file) => /(^|\/)(test|src\/(?!generated))|\.tsbuildinfo$|\.map$/.test(file))).toEqual([]);
    if (name === "@menagerie/native") expect(files.some((file) => file.endsWith(".node"))).toBe(true);
  });

  test.each(NAMES)("publint has nothing against %s", async (name) => {
    const pkgDir = join(dir, "node_modules", name);
    const { messages, pkg } = await publint({ pkgDir, pack: false, level: "warning", strict: true });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  test.each(NAMES)("the example in the README of %s works", async (name) => {
    const readme = await readFile(join(dir, "node_modules", name, "README.md"), "utf8");
    const [, example = ""] = /```js\n(.*?)```/s.exec(readme) ?? [];
    const file = join(dir, `${name.replace("/", "-")}.mjs`);
    await writeFile(file, example);
    const env = {
      ...process.env,
      ENGINE_PATH: readConfig().enginePath,
      ...(LIBTENSORFLOW_DIR === undefined ? {} : { LIBTENSORFLOW_PATH: LIBTENSORFLOW_DIR }),
    };
    const { stdout } = await run(process.execPath, [file], { cwd: dir, env });
    const lines = stdout.trim().split("\n");
    expect(lines).toHaveLength(PACKAGES[name].prints.length);
    for (const [index, line] of PACKAGES[name].prints.entries()) expect(lines[index]).toMatch(line);
  });

  test("the example of menagerie/client in the README of menagerie works on a service", async () => {
    const readme = await readFile(join(dir, "node_modules/menagerie/README.md"), "utf8");
    const example = /```js\n([^`]*menagerie\/client.*?)```/s.exec(readme)?.[1] ?? "";
    const service = await startServer({});
    try {
      const file = join(dir, "client.mjs");
      await writeFile(file, example.replace("http://localhost:8080", service.url));
      const { stdout } = await run(process.execPath, [file], { cwd: dir });
      expect(stdout).toMatch(/^flowers5: roses\nwaste6: [a-z]+\n$/);
    } finally {
      await service.stop();
    }
  });

  test.each(["NodeNext", "Bundler"])("their types are found with moduleResolution %s", async (moduleResolution) => {
    const folder = join(dir, `types-${moduleResolution}`);
    await mkdir(folder);
    for (const [index, name] of NAMES.entries()) await writeFile(join(folder, `${index}.mts`), PACKAGES[name].types);
    const module = moduleResolution === "NodeNext" ? "NodeNext" : "ESNext";
    const compilerOptions = {
      module,
      moduleResolution,
      strict: true,
      noEmit: true,
      target: "ES2023",
      lib: ["ES2023", "DOM"],
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.mts"] }));
    const compiled = run("tsc", ["--project", folder]).then(
      () => "",
      ({ stdout }: { stdout: string }) => stdout,
    );
    expect(await compiled).toBe("");
  });

  /** The files of a bundle for browsers; it cannot be made of what imports something of Node. */
  const bundled = async (contents: string) => {
    const stdin = { contents, resolveDir: dir };
    const options = { platform: "browser", format: "esm", bundle: true, write: false, metafile: true } as const;
    const { metafile } = await build({ stdin, ...options, logLevel: "silent" });
    return Object.keys(metafile.inputs);
  };

  test("menagerie/client can be bundled for browsers, with nothing but itself, hashes and a reader of events", async () => {
    const inputs = await bundled('import { createClient } from "menagerie/client"; createClient(location.href);');
    expect(inputs.length).toBeGreaterThan(1);
    const own = /^<stdin>$|\/menagerie\/dist\/client\/[a-z0-9-]+\.js$/;
    const others = /\/(@noble\/hashes|eventsource-parser)\//;
    expect(inputs.filter((input) => !own.test(input) && !others.test(input))).toEqual([]);
  });

  test("@menagerie/wasm can be bundled for browsers, without anything of Node", async () => {
    const inputs = await bundled('import { openImages } from "@menagerie/wasm"; await openImages();');
    expect(inputs.some((input) => input.endsWith("pkg-web/menagerie_wasm.js"))).toBe(true);
    expect(inputs.some((input) => input.endsWith("js/node.js"))).toBe(false);
  });
});
