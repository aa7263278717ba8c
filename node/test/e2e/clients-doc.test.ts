/** docs/clients.md word by word, on the real service. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { HAS_PYTHON } from "../support/clients.js";
import { type RunningServer, startServer } from "../support/server.js";
import { patternOf, withoutSpace } from "../support/shown-runs.js";
import { findBrowser, launchBrowser } from "./browser.js";

const page = await readFile(join(ROOT_DIR, "docs/clients.md"), "utf8");
const SHOWN = [...page.matchAll(/```console\n\$ (.+)\n([^`]*)```/g)].map(([, command = "", output = ""]) => ({
  command,
  output,
}));
const isPython = ({ command }: { command: string }) => command.includes("python3");
const browserPath = findBrowser();

describe("docs/clients.md", () => {
  let dir: string;
  let service: RunningServer;
  let site: Server;
  let siteUrl: string;

  const here = (text: string) => text.replaceAll("http://localhost:8080", service.url);
  const blockOf = (language: string) => new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "s").exec(page)?.[1] ?? "";

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "menagerie-clients-"));
    site = createServer((_request, response) => {
      response.setHeader("content-type", "text/html").end(here(blockOf("html")));
    }).listen(0, "127.0.0.1");
    await once(site, "listening");
    siteUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    service = await startServer({ CORS_ORIGINS: siteUrl });
    await symlink(join(ROOT_DIR, "models"), join(dir, "models"));
    await writeFile(join(dir, "photos.mjs"), here(blockOf("js")));
    await writeFile(join(dir, "photos.py"), here(blockOf("python")));
  });
  afterAll(async () => {
    site?.close();
    await service?.stop();
    await rm(dir, { recursive: true });
  });

  it.each(SHOWN.filter((shown) => HAS_PYTHON || !isPython(shown)))(
    "$command prints what is shown",
    async ({ command, output }) => {
      const local = command.replace("localhost:8080", service.url);
      const { stdout } = await promisify(execFile)("bash", ["-c", local], { cwd: dir });
      expect(withoutSpace(stdout)).toMatch(patternOf(output));
    },
  );

  it("shows a run in Node and one in Python", () => {
    expect(SHOWN.map(({ command }) => command.split(" ")[0])).toEqual(["curl", "node", "curl", "python3"]);
  });

  it.skipIf(browserPath === undefined)("shows a page of another origin that classifies a photo", async () => {
    const browser = await launchBrowser(browserPath ?? "");
    try {
      const context = await browser.newContext();
      const tab = await context.newPage();
      await tab.goto(siteUrl);
      await tab.setInputFiles("input", join(ROOT_DIR, "models/samples/roses-1.jpg"));
      await expect.poll(() => tab.textContent("output")).toMatch(/^roses \(\d+ %\)$/);
      await tab.setInputFiles("input", join(ROOT_DIR, "models/samples/LICENSE.md"));
      await expect.poll(() => tab.textContent("output")).toMatch(/^This is plain text/);
    } finally {
      await browser.close();
    }
  });
});
