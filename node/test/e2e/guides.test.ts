/** Each run that docs/guides show, in a folder that has what the reader holds. */
import { execFile, execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { CLI_FILE, sharedFolder } from "../support/paths.js";
import { type RunningServer, startServer } from "../support/server.js";
import { patternOf, withoutSpace } from "../support/shown-runs.js";

const GUIDES = join(ROOT_DIR, "docs/guides");
const MENAGERIE = `"${process.execPath}" "${CLI_FILE}"`;
const shared = sharedFolder("zoo-data");
/** Has a test of its own: it needs a proxy. */
const PROXY = "nginx.md";

const sample = (name: string) => join(ROOT_DIR, "models/samples", name);
const given = (name: string) => join(shared ?? "", name);

/** Puts what the reader of a guide holds into a folder. */
const HELD: Readonly<Record<string, (dir: string) => void>> = {
  "retrained-graph.md"(dir) {
    cpSync(given("glasses_mobilenet_v1_0.25_224/graph.pb"), join(dir, "retrained_graph.pb"));
    cpSync(given("glasses_mobilenet_v1_0.25_224/labels.txt"), join(dir, "retrained_labels.txt"));
    cpSync(sample("tulips-1.jpg"), join(dir, "photo.jpg"));
  },
  "teachable-machine.md"(dir) {
    holdSavedModel(dir, "model.savedmodel");
    const labels = Array.from({ length: 10 }, (_, index) => `${index} Class ${index + 1}`);
    writeFileSync(join(dir, "labels.txt"), labels.join("\n"));
    pack(dir, "converted_savedmodel.zip", ["model.savedmodel", "labels.txt"]);
    rmSync(join(dir, "labels.txt"));
    cpSync(sample("daisy-1.jpg"), join(dir, "photo.jpg"));
  },
  "custom-vision.md"(dir) {
    cpSync(given("catdog_customvision/graph.pb"), join(dir, "model.pb"));
    cpSync(given("catdog_customvision/labels.txt"), join(dir, "labels.txt"));
    cpSync(given("catdog_customvision/samples/0NoriLulu.jpg"), join(dir, "photo.jpg"));
  },
  "keras.md"(dir) {
    holdSavedModel(dir, "exported");
    writeFileSync(join(dir, "labels.txt"), CLASSES);
    for (const name of ["config.json", "metadata.json"]) writeFileSync(join(dir, name), "{}");
    writeFileSync(join(dir, "model.weights.h5"), "");
    pack(dir, "model.keras", ["config.json", "metadata.json", "model.weights.h5"]);
    cpSync(sample("daisy-1.jpg"), join(dir, "photo.jpg"));
  },
  "other-servers.md"(dir) {
    mkdirSync(join(dir, "serving/flowers"), { recursive: true });
    holdSavedModel(dir, "serving/flowers/1");
    writeFileSync(join(dir, "labels.txt"), CLASSES);
    cpSync(sample("daisy-1.jpg"), join(dir, "photo.jpg"));
  },
};

const CLASSES = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n";

function holdSavedModel(dir: string, name: string): void {
  cpSync(given("samplenet_tf2_savedmodel"), join(dir, name), { recursive: true });
}

function pack(dir: string, archive: string, names: readonly string[]): void {
  execFileSync("python3", ["-m", "zipfile", "-c", archive, ...names], { cwd: dir });
}

const runsOf = (guide: string) =>
  [...readFileSync(join(GUIDES, guide), "utf8").matchAll(/```console\n\$ (.+)\n([^`]*)```/g)].map(
    ([, command = "", output = ""]) => ({ command, output }),
  );

it("each guide is run by a test", () => {
  expect(readdirSync(GUIDES).toSorted()).toEqual([...Object.keys(HELD), PROXY].toSorted());
});

describe.skipIf(shared === null)("the guides", () => {
  let service: RunningServer;
  beforeAll(async () => {
    service = await startServer({});
  });
  afterAll(() => service.stop());

  describe.each(Object.entries(HELD))("%s", (guide, hold) => {
    let dir: string;
    beforeAll(() => {
      dir = mkdtempSync(join(tmpdir(), "menagerie-guide-"));
      hold(dir);
    });
    afterAll(() => rmSync(dir, { recursive: true }));

    it.each(runsOf(guide))("$command prints what is shown", async ({ command, output }) => {
      const local = command.replaceAll("localhost:8080", service.url).replace("npx menagerie", MENAGERIE);
      const { stdout } = await promisify(execFile)("bash", ["-c", local], { cwd: dir });
      expect(withoutSpace(stdout)).toMatch(patternOf(output));
    });
  });
});
