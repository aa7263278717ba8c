/**
 * The photo's way into the form: chosen, dropped or pasted, then previewed. Files that are dropped together are told
 * apart by their names, so that a graph, its labels and a photo can come in one drop.
 */
import { find } from "./elements.js";

const PREVIEW_PIXELS_MAX = 1024;

const zone = find("photo", HTMLElement);
const image = find("image", HTMLInputElement);
const graph = find("graph", HTMLInputElement);
const labels = find("labels", HTMLInputElement);
const preview = find("preview", HTMLCanvasElement);

/** Listens for files; `onPhoto` is called each time the photo has changed. */
export function watchPhoto(onPhoto: () => void): void {
  find("drop-help", HTMLElement).hidden = false;
  image.addEventListener("change", () => {
    void showPreview();
    onPhoto();
  });
  document.addEventListener("paste", ({ clipboardData }) => take(clipboardData));
  document.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) {
      event.preventDefault();
      zone.classList.add("over");
    }
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    if (relatedTarget === null) {
      zone.classList.remove("over");
    }
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take(event.dataTransfer);
  });
}

/** Puts each file where it belongs; the photo goes last, because its change event sends the form. */
function take(transfer: DataTransfer | null): void {
  const files = [...(transfer?.files ?? [])].map((file) => ({ file, input: inputFor(file) }));
  files.sort((one, other) => Number(one.input === image) - Number(other.input === image));
  for (const { file, input } of files) {
    const list = new DataTransfer();
    list.items.add(file);
    input.files = list.files;
    input.closest("details")?.setAttribute("open", "");
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

function inputFor(file: File): HTMLInputElement {
  if (/\.pb$/i.test(file.name)) {
    return graph;
  }
  return /\.(txt|csv|json)$/i.test(file.name) ? labels : image;
}

/** Draws the photo small. What the browser cannot decode has no preview, and the service judges it. */
async function showPreview(): Promise<void> {
  const file = image.files?.[0];
  const bitmap = file ? await createImageBitmap(file).catch(() => null) : null;
  if (file !== image.files?.[0]) {
    return;
  }
  preview.hidden = bitmap === null;
  if (bitmap) {
    const scale = Math.min(1, PREVIEW_PIXELS_MAX / Math.max(bitmap.width, bitmap.height));
    preview.width = Math.max(1, Math.round(bitmap.width * scale));
    preview.height = Math.max(1, Math.round(bitmap.height * scale));
    preview.getContext("2d")?.drawImage(bitmap, 0, 0, preview.width, preview.height);
    preview.setAttribute("aria-label", `The chosen photo, ${file?.name ?? ""}`);
    bitmap.close();
  }
}
