/**
 * A real browser for the end-to-end tests: `CHROMIUM_PATH`, or a Chromium or Chrome in PATH.
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Path of the browser; `undefined`, with the reason printed, when there is none. */
export function findBrowser(): string | undefined {
  const { CHROMIUM_PATH: given, PATH: path = "" } = process.env;
  const folders = path.split(delimiter);
  const places = given ? [given] : NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = places.find(isExecutable);
  if (found === undefined) {
    const looked = given ? `CHROMIUM_PATH=${given}` : `${NAMES.join(", ")} in PATH`;
    console.warn(`browser tests skipped: no browser (${looked}); install Chromium or set CHROMIUM_PATH`);
  }
  return found;
}

export function launchBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, headless: true, args: FLAGS });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
