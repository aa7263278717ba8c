/**
 * The bar while the service works. Quick answers come without it: it appears after a moment, so that nothing flickers.
 */
import { find } from "./elements.js";
import type { Upload } from "./send.js";

const APPEARS_AFTER_MS = 200;

const WORKING = "The service is at work";

const section = find("progress", HTMLElement);
const bar = find("progress-bar", HTMLProgressElement);
const label = find("progress-label", HTMLElement);
let timer: ReturnType<typeof setTimeout> | undefined;

/** Starts over; `reveal` is called when the bar appears. */
export function startProgress(reveal: () => void): void {
  stopProgress();
  bar.removeAttribute("value");
  label.textContent = WORKING;
  timer = setTimeout(() => {
    section.hidden = false;
    reveal();
  }, APPEARS_AFTER_MS);
}

/** The upload so far; when all has left, the service is at work and the bar shows no share. */
export function showUpload({ loadedBytes, totalBytes }: Upload): void {
  if (loadedBytes < totalBytes) {
    bar.value = loadedBytes / totalBytes;
    label.textContent = `Uploading: ${megabytes(loadedBytes)} of ${megabytes(totalBytes)} MB`;
  } else {
    bar.removeAttribute("value");
    label.textContent = WORKING;
  }
}

export function stopProgress(): void {
  clearTimeout(timer);
  section.hidden = true;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
