/** Files may be dropped and pasted anywhere, on any view. */
import { useEffect, useState } from "preact/hooks";
import { takeFiles } from "../classify/take-files.js";
import { filesOf } from "../found-files.js";
import { addressOf, route } from "../route.js";

export function DropZone() {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const take = async (transfer: DataTransfer | null) => {
      const files = transfer === null ? [] : await filesOf(transfer);
      if (files.length === 0) return;
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
        void take(event.dataTransfer);
      },
      { signal },
    );
    return () => given.abort();
  }, []);
  return isOver ? <div class="drop-zone">Drop photos, a graph, its labels: they find their places.</div> : null;
}
