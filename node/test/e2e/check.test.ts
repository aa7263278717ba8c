/** `menagerie check`: models that have something wrong, one thing each, and those of this project. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import type { Judgement } from "../../src/zoo/judge.js";
import { runCommand } from "../support/command.js";
import { fileReadingGraph } from "../support/graph-def.js";
import { colourFolder, type FolderFiles, replaceFiles, writeFolder } from "../support/model-folder.js";

interface Broken {
  readonly what: string;
  readonly breaks: (folder: FolderFiles) => void;
  readonly field: string;
  readonly mend: RegExp;
}

const without = (object: Record<string, unknown>, name: string) => {
  delete object[name];
};

const BROKEN: readonly Broken[] = [
  {
    what: "a manifest that is no JSON",
    breaks: ({ files }) => Object.assign(files, { "manifest.json": "{" }),
    field: "manifest.json",
    mend: /JSON/,
  },
  {
    what: "another schema",
    breaks: ({ manifest }) => Object.assign(manifest, { schema: 2 }),
    field: "schema",
    mend: /write 1$/,
  },
  {
    what: "another id than its folder",
    breaks: ({ manifest }) => Object.assign(manifest, { id: "other" }),
    field: "id",
    mend: /rename the folder/,
  },
  {
    what: "a version with a slash",
    breaks: ({ manifest }) => Object.assign(manifest, { version: "1/2" }),
    field: "version",
    mend: /without `\/`/,
  },
  { what: "no title", breaks: ({ manifest }) => without(manifest, "title"), field: "title", mend: /add it: text/ },
  {
    what: "an empty description",
    breaks: ({ manifest }) => Object.assign(manifest, { description: "" }),
    field: "description",
    mend: /what it tells apart/,
  },
  {
    what: "a licence that is not on the list",
    breaks: ({ manifest }) => Object.assign(manifest, { licence: "LicenseRef-x" }),
    field: "licence",
    mend: /Apache-2\.0, .*MIT/,
  },
  {
    what: "a misspelt field",
    breaks: ({ manifest }) => Object.assign(manifest, { licenze: "MIT" }),
    field: "licenze",
    mend: /remove it, or write one of .*licence/,
  },
  {
    what: "a default that is no yes or no",
    breaks: ({ manifest }) => Object.assign(manifest, { default: "yes" }),
    field: "default",
    mend: /true or false/,
  },
  {
    what: "a graph that is not there",
    breaks: ({ manifest }) => Object.assign(manifest.graph, { file: "other.pb" }),
    field: "graph.file",
    mend: /put it into the folder/,
  },
  {
    what: "another size of the graph",
    breaks: ({ manifest }) => Object.assign(manifest.graph, { bytes: 5 }),
    field: "graph.bytes",
    mend: /write \d+ if/,
  },
  {
    what: "another graph",
    breaks: ({ manifest }) => Object.assign(manifest.graph, { sha256: "0".repeat(64) }),
    field: "graph.sha256",
    mend: /write "[0-9a-f]{64}"/,
  },
  {
    what: "a graph that nobody can verify",
    breaks: ({ manifest }) => Object.assign(manifest.graph, { sha256: null }),
    field: "graph.sha256",
    mend: /sha256sum/,
  },
  {
    what: "other labels",
    breaks: ({ files }) => Object.assign(files, { "labels.txt": "red\ngreen\nblack\n" }),
    field: "labels.sha256",
    mend: /if this is the file/,
  },
  {
    what: "too few labels",
    breaks: (folder) => replaceFiles(folder, { labels: "red\n" }),
    field: "labels.file",
    mend: /one line a class/,
  },
  {
    what: "an offset that no label fits",
    breaks: ({ manifest }) => Object.assign(manifest.labels, { offset: 7 }),
    field: "labels.file",
    mend: /one line a class/,
  },
  {
    what: "a width beyond all bounds",
    breaks: ({ manifest }) => Object.assign(manifest.input, { width: 9999 }),
    field: "input.width",
    mend: /from 1 to 4096/,
  },
  {
    what: "an input that is not in the graph",
    breaks: ({ manifest }) => Object.assign(manifest.input, { tensor: "inptu" }),
    field: "input.tensor",
    mend: /leave it out/,
  },
  {
    what: "another type than the graph's",
    breaks: ({ manifest }) => Object.assign(manifest.input, { dtype: "uint8" }),
    field: "input.dtype",
    mend: /write "float32"/,
  },
  {
    what: "other channels than the graph's",
    breaks: ({ manifest }) => Object.assign(manifest.input, { channels: 1 }),
    field: "input.channels",
    mend: /write 3/,
  },
  {
    what: "a divisor of 0",
    breaks: ({ manifest }) => Object.assign(manifest.input, { std: [0] }),
    field: "input.std",
    mend: /none of them 0/,
  },
  {
    what: "a word that no resize has",
    breaks: ({ manifest }) => Object.assign(manifest.input, { resize: "squash" }),
    field: "input.resize",
    mend: /`stretch`, `center-crop`, `pad`/,
  },
  {
    what: "an output that is not in the graph",
    breaks: ({ manifest }) => Object.assign(manifest.output, { tensor: "probs" }),
    field: "output.tensor",
    mend: /leave it out/,
  },
  {
    what: "other classes than the graph's",
    breaks: ({ manifest }) => Object.assign(manifest.output, { classes: 4 }),
    field: "output.classes",
    mend: /write 3/,
  },
  {
    what: "an accuracy above 1",
    breaks: ({ manifest }) => Object.assign(manifest, { accuracy: { top1: 86, photos: 5, split: "test", data: "x" } }),
    field: "accuracy.top1",
    mend: /from 0 to 1/,
  },
  {
    what: "a file that is no graph",
    breaks: (folder) => replaceFiles(folder, { graph: "no graph" }),
    field: "graph.file",
    mend: /menagerie inspect/,
  },
  {
    what: "a graph that reads files",
    breaks: (folder) => replaceFiles(folder, { graph: fileReadingGraph() }),
    field: "graph.file",
    mend: /without this operation/,
  },
  {
    what: "no card",
    breaks: ({ files }) => Object.assign(files, { "MODEL.md": "" }),
    field: "MODEL.md: Accuracy",
    mend: /how often it is right/,
  },
  {
    what: "a heading with nothing below it",
    breaks: ({ files }) =>
      Object.assign(files, { "MODEL.md": String(files["MODEL.md"]).replace("## Data\n\nIt is said.", "## Data") }),
    field: "MODEL.md: Data",
    mend: /what it was trained on/,
  },
  {
    what: "a setting that is not decided",
    breaks: ({ files }) =>
      Object.assign(files, { "MODEL.md": `${files["MODEL.md"]}\n- [ ] \`input.resize\`: "stretch"\n` }),
    field: "input.resize",
    mend: /then tick it/,
  },
  {
    what: "an empty licence",
    breaks: ({ files }) => Object.assign(files, { LICENSE: "" }),
    field: "LICENSE",
    mend: /the text of the weights' licence/,
  },
  {
    what: "golden answers of another form",
    breaks: ({ golden }) => Object.assign(golden, { tolerance: 2 }),
    field: "golden.json",
    mend: /menagerie golden/,
  },
  {
    what: "a golden photo that is not there",
    breaks: ({ golden }) => Object.assign(golden.cases[0] ?? {}, { image: "blue.png" }),
    field: "golden.json: blue.png",
    mend: /menagerie golden/,
  },
  {
    what: "another golden answer",
    breaks: ({ golden }) => Object.assign(golden.cases[0]?.top[0] ?? {}, { probability: 0.9 }),
    field: "golden.json: red.png",
    mend: /menagerie golden/,
  },
];

/** What is asked of a folder by its id. */
const idOf = (index: number) => `broken-${String(index).padStart(2, "0")}`;

async function check(zoo: string) {
  const { stdout, stderr, exitCode } = await runCommand(["check", "--json"], { cwd: zoo, env: { MODELS_DIR: zoo } });
  const judgements = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Judgement);
  return { judgements: new Map(judgements.map((one) => [one.folder, one])), exitCode, stderr };
}

describe("models that have something wrong", () => {
  let zoo: string;
  let checked: Awaited<ReturnType<typeof check>>;

  beforeAll(async () => {
    zoo = await mkdtemp(join(tmpdir(), "menagerie-broken-"));
    for (const [index, { breaks }] of BROKEN.entries()) {
      const folder = colourFolder(idOf(index));
      breaks(folder);
      await writeFolder(zoo, idOf(index), folder);
    }
    await writeFolder(zoo, "good", colourFolder("good"));
    const [other, declared] = [colourFolder("versions"), colourFolder("declared")];
    Object.assign(other.manifest, { version: "2" });
    await writeFolder(zoo, "versions/2", other);
    Object.assign(declared.manifest.input, { mean: [127.5], std: [127.5], channel_order: "BGR" });
    declared.golden.cases = [
      { image: "red.png", top: [{ label: "blue", index: 2, probability: 0.78 }], input_sha256: null },
    ];
    await writeFolder(zoo, "declared", declared);
    checked = await check(zoo);
  }, 120_000);

  afterAll(async () => {
    await rm(zoo, { recursive: true });
  });

  it("are more than twenty, and make the command exit with 1", () => {
    expect(BROKEN.length).toBeGreaterThanOrEqual(20);
    expect([checked.exitCode, checked.stderr]).toEqual([1, ""]);
    expect(checked.judgements.size).toBe(BROKEN.length + 3);
  });

  it.each(BROKEN.map((one, index) => ({ ...one, id: idOf(index) })))(
    "$what: $field is named, with what to do",
    ({ id, field, mend }) => {
      const judgement = checked.judgements.get(id);
      const errors = judgement?.findings.filter(({ severity }) => severity === "error") ?? [];
      expect(judgement?.green).toBe(false);
      expect(
        errors.map((finding) => finding.field),
        JSON.stringify(judgement?.findings),
      ).toContain(field);
      expect(errors.find((finding) => finding.field === field)?.mend).toMatch(mend);
    },
  );

  it("do not keep a good one from being green, with what it takes", () => {
    for (const [folder, version] of [
      ["good", "1"],
      [join("versions", "2"), "2"],
    ] as const) {
      const judgement = checked.judgements.get(folder);
      expect(judgement, JSON.stringify(judgement?.findings)).toMatchObject({ green: true, version });
      const measured = judgement?.measured;
      expect(measured?.golden).toEqual({ right: 1, of: 1 });
      for (const name of ["graph_bytes", "load_ms", "answer_ms"] as const)
        expect(measured?.[name], name).toBeGreaterThanOrEqual(0);
    }
  });

  it("are told from what is declared otherwise than it would be detected, which is a warning with both answers", () => {
    const judgement = checked.judgements.get("declared");
    const warnings = judgement?.findings.filter(({ severity }) => severity === "warning") ?? [];
    expect(warnings.map(({ field }) => field)).toEqual(expect.arrayContaining(["input.channel_order"]));
    const order = warnings.find(({ field }) => field === "input.channel_order")?.problem;
    expect(order).toMatch(
      /is declared "BGR" and detected "RGB" .*red\.png: blue 0\.\d\d as declared, red 0\.\d\d as detected/,
    );
  });
});

it("the models of this project are green", async () => {
  const { judgements, exitCode, stderr } = await check(join(ROOT_DIR, "models"));
  expect([...judgements.values()].flatMap(({ findings }) => findings)).toEqual([]);
  expect([...judgements.keys()]).toEqual(expect.arrayContaining(["flowers5", "waste6"]));
  expect([exitCode, stderr]).toEqual([0, ""]);
}, 60_000);
