/**
 * What earlier versions kept on disk is read by this one, and what a later one kept is refused. Each release adds its layout:
 * `WRITE_LAYOUT=1 npx vitest run test/e2e/layouts.test.ts` writes this version's where there is none.
 */
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "libsql";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { form } from "../support/fake-service.js";
import { LAYOUTS_DIR, RED, releasedLayouts, writeLayout } from "../support/layouts.js";
import { makeColourZoo, startServer } from "../support/server.js";

const { version } = JSON.parse(await readFile(join(ROOT_DIR, "node/package.json"), "utf8")) as { version: string };
const OWN = join(LAYOUTS_DIR, version);

if (process.env["WRITE_LAYOUT"] === "1" && !existsSync(OWN)) {
  const zoo = await makeColourZoo();
  await writeLayout(OWN, zoo);
  await rm(zoo, { recursive: true });
}

let zoo: string;
let dir: string;
beforeEach(async () => {
  zoo = await makeColourZoo();
  dir = await mkdtemp(join(tmpdir(), "menagerie-layout-"));
});
afterEach(() => Promise.all([zoo, dir].map((folder) => rm(folder, { recursive: true }))));

/** The service on a copy of a version's layout. */
async function startOn(layout: string) {
  await cp(join(LAYOUTS_DIR, layout), dir, { recursive: true });
  return await start();
}

function start() {
  return startServer({
    MODELS_DIR: zoo,
    REGISTERED_MODELS_DIR: join(dir, "models"),
    FEEDBACK_DIR: join(dir, "feedback"),
    // The layouts grow old.
    FEEDBACK_DAYS_MAX: "36500",
  });
}

it("this version's layout is among those that are kept", async () => {
  expect(await releasedLayouts()).toContain(version);
});

it.each(await releasedLayouts())("registered models and remembered answers of %s are there", async (layout) => {
  const service = await startOn(layout);
  try {
    const json = async (path: string, body?: FormData) =>
      (await (await fetch(`${service.url}${path}`, body && { method: "POST", body })).json()) as unknown;
    expect(await json("/api/models")).toMatchObject({
      models: expect.arrayContaining([
        expect.objectContaining({ id: "kept", versions: ["1", "2"], served: "1", state: "available", problem: null }),
      ]),
    });
    for (const model of ["kept", "kept@2"]) {
      const answer = await json("/infer?format=json", form({ image_file: RED, model }));
      expect(answer).toMatchObject({ results: [{ label: "red" }] });
    }
    // The answer above is remembered beside the one that was.
    expect(await json("/api/models/kept/accuracy")).toMatchObject({
      ...{ id: "kept", version: "1", answers: 2, n: 1, right: 0 },
      confusions: [{ label: "green", answered: "red", n: 1 }],
    });
  } finally {
    await service.stop();
  }
});

it("a registered model of a later version is refused at the start, with the reason", async () => {
  await mkdir(join(dir, "models"));
  await writeFile(join(dir, "models/mine.json"), JSON.stringify({ schema: 2, served: "1", versions: [{}] }));
  await expect(start()).rejects.toThrow(
    `a later version of Menagerie wrote mine.json in ${join(dir, "models")} (schema 2; this one reads 1); start that one, or name another REGISTERED_MODELS_DIR`,
  );
  expect(await readdir(join(dir, "models"))).toEqual(["mine.json"]);
});

it("remembered answers of a later version are refused at the start, with the reason", async () => {
  await cp(OWN, dir, { recursive: true });
  const database = new Sqlite(join(dir, "feedback/feedback.sqlite"));
  database.exec("insert into kysely_migration values ('9-later', '2026-01-02T00:00:00Z')");
  database.close();
  await expect(start()).rejects.toThrow(
    `The store of FEEDBACK_DIR=${join(dir, "feedback")} cannot be used: a later version of Menagerie made its tables; start that one, or name another FEEDBACK_DIR`,
  );
});
