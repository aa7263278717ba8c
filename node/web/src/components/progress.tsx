/**
 * The bar while something is under way. Quick answers come without it: it appears after a moment, so that nothing
 * flickers.
 */
import { useEffect, useState } from "preact/hooks";
import { duration, megabytes } from "../format.js";
import { announcement, type Work, work } from "../state.js";
import { cancelWork } from "../work.js";

const APPEARS_AFTER_MS = 200;
/** Before that a rate says nothing. */
const RATE_AFTER_MS = 500;

/** Whether something has been under way for a while. */
export function useIsSlow(): boolean {
  const isBusy = work.value !== null;
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    setSlow(false);
    if (!isBusy) return;
    const timer = setTimeout(() => {
      // The answer may have come since the last drawing.
      if (work.value === null) return;
      setSlow(true);
      announcement.value = "Working.";
    }, APPEARS_AFTER_MS);
    return () => clearTimeout(timer);
  }, [isBusy]);
  return isBusy && isSlow;
}

export function Progress() {
  const now = work.value;
  if (now === null) return null;
  const { upload } = now;
  const isUploading = upload !== null && upload.loadedBytes < upload.totalBytes;
  return (
    <div id="progress" class="progress">
      <label id="progress-label" for="progress-bar">
        {describe(now)}
      </label>
      <progress id="progress-bar" max={1} value={isUploading ? upload.loadedBytes / upload.totalBytes : undefined} />
      <button id="cancel" type="button" onClick={cancelWork}>
        Cancel
      </button>
    </div>
  );
}

function describe({ upload, waits, since }: Work): string {
  if (waits !== null) return waits;
  if (upload === null || upload.loadedBytes >= upload.totalBytes) return "The service is at work";
  const passedMs = performance.now() - since;
  const sofar = `Uploading: ${megabytes(upload.loadedBytes)} of ${megabytes(upload.totalBytes)}`;
  if (passedMs < RATE_AFTER_MS || upload.loadedBytes === 0) return sofar;
  const bytesPerSecond = (1000 * upload.loadedBytes) / passedMs;
  const left = duration((upload.totalBytes - upload.loadedBytes) / bytesPerSecond);
  return `${sofar}, ${megabytes(bytesPerSecond)} a second, ${left} left`;
}
