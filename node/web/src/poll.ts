/**
 * Asks the service for its models again and again, so that what was changed elsewhere is seen without a reload, and that
 * a service that was gone is noticed when it is back.
 */
import { isBeingFetched, listModels, Refusal, readService } from "./api.js";
import { isReachable, key, models, service, wantsKey } from "./state.js";

const EVERY_MS = 5000;
/** While the files of a model are on their way. */
const EVERY_MS_FETCHING = 500;
/** While the service does not answer. */
const EVERY_MS_GONE = 2000;

let timer: ReturnType<typeof setTimeout> | undefined;
let last = "";
/** The key that the service was told of itself with; null while it was not asked. */
let introducedWith: string | null = null;

/** Asks now, and from now on while the page is looked at. */
export async function poll(): Promise<void> {
  clearTimeout(timer);
  const canGoOn = await refresh();
  clearTimeout(timer);
  if (canGoOn) timer = setTimeout(pollWhenSeen, pauseMs());
}

function pauseMs(): number {
  if (!isReachable.value) return EVERY_MS_GONE;
  return models.value?.some(isBeingFetched) ? EVERY_MS_FETCHING : EVERY_MS;
}

function pollWhenSeen(): void {
  if (document.visibilityState === "visible") void poll();
  else document.addEventListener("visibilitychange", () => void poll(), { once: true });
}

/** Whether it is worth asking again: not without the key that is wanted. */
async function refresh(): Promise<boolean> {
  try {
    if (introducedWith !== key.value) {
      service.value = await readService();
      introducedWith = key.value;
      wantsKey.value ||= service.value.role === "none";
    }
    const listed = await listModels();
    const text = JSON.stringify(listed);
    if (text !== last || models.value === null) models.value = listed;
    last = text;
    return true;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // It may be another one when it is back, or with another key.
    introducedWith = null;
    if (error.code !== "unauthorized" && error.code !== "forbidden") return true;
    wantsKey.value = true;
    models.value = null;
    return false;
  }
}
