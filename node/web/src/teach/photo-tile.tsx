/** A photo of a class: marked by a click, removed with the Delete key, moved by dragging or with the others that are marked. */
import { useCallback } from "preact/hooks";
import { Thumbnail } from "../components/thumbnail.js";
import { mark, marked, removePhotos } from "./album.js";
import { readPhoto, type TaughtPhoto } from "./store.js";

const DRAG_TYPE = "application/x-menagerie-photos";

export function PhotoTile({ photo: { sha256, name } }: { readonly photo: TaughtPhoto }) {
  const isMarked = marked.value.has(sha256);
  const these = () => (isMarked ? marked.value : new Set([sha256]));
  return (
    <li>
      <button
        type="button"
        class="taught-photo"
        aria-pressed={isMarked}
        aria-label={name}
        title={name}
        draggable
        onDragStart={({ dataTransfer }) => dataTransfer?.setData(DRAG_TYPE, [...these()].join(" "))}
        onClick={() => mark(sha256, !isMarked)}
        onKeyDown={({ key }) => {
          if (key === "Delete" || key === "Backspace") void removePhotos(these());
        }}
      >
        <KeptThumbnail sha256={sha256} />
      </button>
    </li>
  );
}

/** The picture of a photo that this browser keeps; blank where it is gone. */
export function KeptThumbnail({ sha256 }: { readonly sha256: string }) {
  const read = useCallback(() => readPhoto(sha256), [sha256]);
  return <Thumbnail file={read} />;
}

export function isPhotoDrag({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes(DRAG_TYPE) ?? false;
}

/** SHA-256 of the photos that are dragged. */
export function draggedPhotos({ dataTransfer }: DragEvent): readonly string[] {
  return dataTransfer?.getData(DRAG_TYPE).split(" ").filter(Boolean) ?? [];
}
