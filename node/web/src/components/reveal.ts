import { useEffect } from "preact/hooks";
import { reply, work } from "../state.js";

/** Height of the sentence and the first bar. */
const HEAD_PIXELS = 160;

/** Brings the element of this id into view, unless its head is, when there is a reply. */
export function useReveal(id: string): void {
  const shown = reply.value;
  const isWaiting = work.value?.waits !== undefined && work.value?.waits !== null;
  useEffect(() => {
    const element = document.getElementById(id);
    if (element === null || (shown === null && !isWaiting)) return;
    const { top } = element.getBoundingClientRect();
    if (top >= 0 && top <= innerHeight - HEAD_PIXELS) return;
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    element.scrollIntoView({ behavior: isStill ? "auto" : "smooth", block: "start" });
  }, [id, shown, isWaiting]);
}
