/**
 * Measures the page by Lighthouse and writes docs/lighthouse.md: `node docs/lighthouse.mjs [ADDRESS]`, on a service that
 * runs. Lighthouse is large and needed for nothing else, so that it is no dependency: `npm install --no-save lighthouse`.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const RUNS = 3;
const VIEWS = { Classify: "", Models: "#/models", "One model": "#/models/flowers5", About: "#/about" };
const CATEGORIES = ["performance", "accessibility", "best-practices"];
const METRICS = [
  "first-contentful-paint",
  "largest-contentful-paint",
  "total-blocking-time",
  "cumulative-layout-shift",
];
const WANTED = { performance: 95, accessibility: 100, "best-practices": 100 };

const address = process.argv[2] ?? "http://127.0.0.1:8080";
const { default: lighthouse, desktopConfig } = await import("lighthouse").catch(() => {
  throw new Error("Lighthouse is not there: npm install --no-save lighthouse");
});

const profile = await mkdtemp(join(tmpdir(), "menagerie-lighthouse-"));
const port = await freePort();
const browser = spawn(
  process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
  [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    `--user-data-dir=${profile}`,
    `--remote-debugging-port=${port}`,
    "about:blank",
  ],
  { stdio: "ignore" },
);
try {
  await untilItListens(port);
  const rows = [];
  let version = "";
  for (const [view, hash] of Object.entries(VIEWS)) {
    for (const [device, config] of Object.entries({ desktop: desktopConfig, phone: undefined })) {
      const { best, used } = await bestOf(`${address}/${hash}`, config);
      version = used;
      rows.push(`| ${view} | ${device} | ${best.map(String).join(" | ")} |`);
      console.log(rows.at(-1));
    }
  }
  const page = [
    "# Lighthouse",
    "",
    `Lighthouse ${version}, ${new Date().toISOString().slice(0, 10)}, the best of ${RUNS} runs, on a machine with other work. The phone is`,
    "Lighthouse's own: a processor four times as slow, on a slow network. `node docs/lighthouse.mjs` measures again.",
    "",
    "| view | device | performance | accessibility | best practices | first paint | largest paint | blocked | layout shift |",
    "|---|---|---|---|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
  await writeFile(fileURLToPath(new URL("lighthouse.md", import.meta.url)), page);
} finally {
  browser.kill();
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}

/** The categories and metrics of the run with the best performance. */
async function bestOf(url, config) {
  let best = null;
  let used = "";
  for (let run = 0; run < RUNS; run++) {
    const { lhr } = await lighthouse(url, { port, logLevel: "error", onlyCategories: CATEGORIES }, config);
    used = lhr.lighthouseVersion;
    const scores = CATEGORIES.map((name) => Math.round(100 * (lhr.categories[name]?.score ?? 0)));
    const metrics = METRICS.map((name) => lhr.audits[name]?.displayValue ?? "");
    for (const [place, name] of CATEGORIES.entries()) {
      if (scores[place] < WANTED[name]) complain(lhr, name, scores[place]);
    }
    if (best === null || scores[0] > best[0]) best = [...scores, ...metrics];
  }
  return { best: best ?? [], used };
}

function complain(lhr, category, score) {
  const failed = lhr.categories[category].auditRefs
    .map(({ id }) => lhr.audits[id])
    .filter((audit) => audit.score !== null && audit.score < 1)
    .map(({ id, displayValue = "" }) => `${id} ${displayValue}`);
  console.log(`  ${lhr.finalDisplayedUrl}: ${category} ${score}: ${failed.join("; ")}`);
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port: free } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return free;
}

async function untilItListens(at) {
  for (let tries = 0; tries < 100; tries++) {
    const isUp = await fetch(`http://127.0.0.1:${at}/json/version`).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the browser does not start");
}
