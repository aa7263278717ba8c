/** Files may be dropped and pasted anywhere, on any view; where a model is taught they go to its classes. */
import { useEffect, useState } from "preact/hooks";
import { takeFiles } from "../classify/take-files.js";
import { filesOf } from "../found-files.js";
import { addressOf, route } from "../route.js";
import { loadTeach } from "./teach-later.js";

export function DropZone() {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const take = async (transfer: DataTransfer | null, target: EventTarget | null = null) => {
      const files = transfer === null ? [] : await filesOf(transfer);
      if (files.length === 0) return;
      if (route.value.view === "teach") return (await loadTeach()).takeIn(files, classAt(target));
      if (route.value.view !== "classify") location.hash = addressOf({ view: "classify", model: null, other: null });
      await takeFiles(files);
    };
    const given = new AbortController();
    const { signal } = given;
    document.addEventListener("paste", ({ clipboardData }) => void take(clipboardData), { signal });
    document.addEventListener(
      "dragover",
      (event) => {
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        setOver(true);
      },
      { signal },
    );
    document.addEventListener("dragleave", ({ relatedTarget }) => relatedTarget === null && setOver(false), { signal });
    document.addEventListener(
      "drop",
      (event) => {
        event.preventDefault();
        setOver(false);
        void take(event.dataTransfer, event.target);
      },
      { signal },
    );
    return () => given.abort();
  }, []);
  return isOver && route.value.view !== "teach" ? (
    <div class="drop-zone">Drop photos, a graph, its labels: they find their places.</div>
  ) : null;
}

/** The class whose column this is in. */
function classAt(target: EventTarget | null): number | null {
  const column = target instanceof Element ? target.closest<HTMLElement>("[data-class]") : null;
  return column === null ? null : Number(column.dataset["class"]);
}
