/**
 * Takes docs/page.png, the README's picture, of a service that runs: `node docs/screenshot.mjs [ADDRESS]`.
 */
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const address = process.argv[2] ?? "http://127.0.0.1:8080";
const photo = fileURLToPath(new URL("../models/samples/tulips-1.jpg", import.meta.url));
const picture = fileURLToPath(new URL("page.png", import.meta.url));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
});
try {
  const page = await browser.newPage({ viewport: { width: 1000, height: 720 } });
  await page.goto(address);
  await page.waitForSelector("#zoo:not([hidden])");
  // The first answer warms up, the second one shows the usual times.
  for (const model of ["waste6", "flowers5"]) {
    await page.selectOption("#model", model);
    await page.setInputFiles("#image", photo);
    await page.locator("#seen-caption", { hasText: model }).waitFor();
  }
  await page.locator("#submit").click();
  await page.waitForTimeout(1000);
  await page.locator("#submit").blur();
  await page.screenshot({ path: picture, fullPage: true });
} finally {
  await browser.close();
}
