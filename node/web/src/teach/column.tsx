/** A class: its name, its photos, and where more of them come in. */
import { useId, useState } from "preact/hooks";
import { counted } from "../format.js";
import { chosenFiles } from "../found-files.js";
import { activeClass, classCalled, labelFrom, movePhotos, removeClass, renameClass } from "./album.js";
import { Burst } from "./burst.js";
import { takeIn } from "./intake.js";
import { adviceOf, missingOf } from "./missing.js";
import { draggedPhotos, isPhotoDrag, PhotoTile } from "./photo-tile.js";
import type { TaughtClass, TaughtPhoto } from "./store.js";

/** So many are drawn at once. */
const SHOWN_STEP = 60;

interface Props {
  readonly taught: TaughtClass;
  readonly photos: readonly TaughtPhoto[];
}

export function Column({ taught: { id, label }, photos }: Props) {
  const [shownMax, setShownMax] = useState(SHOWN_STEP);
  const [isOver, setOver] = useState(false);
  const [isCameraOpen, openCamera] = useState(false);
  const files = useId();
  const missing = missingOf(photos.length);
  return (
    <section
      class={isOver ? "class-column over" : "class-column"}
      // By it a drop finds its class.
      data-class={id}
      aria-label={`Class ${label}`}
      onFocusIn={() => {
        activeClass.value = id;
      }}
      onDragOver={(event) => {
        if (isPhotoDrag(event)) event.preventDefault();
        setOver(true);
      }}
      onDragLeave={({ currentTarget, relatedTarget }) => {
        if (!currentTarget.contains(relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(event) => {
        setOver(false);
        if (isPhotoDrag(event)) void movePhotos(draggedPhotos(event), id);
      }}
    >
      <ClassName id={id} label={label} />
      <p class="small counts">
        <span>{counted(photos.length, "photo")}</span>{" "}
        {missing === null ? <span>{adviceOf(photos.length)}</span> : <b>{missing}</b>}
      </p>
      <div class="actions">
        <input
          id={files}
          class="unseen"
          type="file"
          multiple
          // What is not listed here, such as HEIC, phones convert on the way.
          accept="image/jpeg,image/png,image/webp,image/gif,image/bmp"
          onChange={({ currentTarget }) => {
            void takeIn(chosenFiles(currentTarget), id);
            // The same file can be chosen again.
            currentTarget.value = "";
          }}
        />
        <label for={files} class="button">
          Photos <span class="unseen">of {label}</span>
        </label>
        <button type="button" aria-expanded={isCameraOpen} onClick={() => openCamera(!isCameraOpen)}>
          Camera <span class="unseen">for {label}</span>
        </button>
      </div>
      {isCameraOpen && <Burst classId={id} onClose={() => openCamera(false)} />}
      {photos.length > 0 && (
        <ul class="taught-photos" aria-label={`Photos of ${label}`}>
          {photos.slice(0, shownMax).map((photo) => (
            <PhotoTile key={photo.sha256} photo={photo} />
          ))}
        </ul>
      )}
      {photos.length > shownMax && (
        <button type="button" onClick={() => setShownMax(shownMax + SHOWN_STEP)}>
          Show {Math.min(SHOWN_STEP, photos.length - shownMax)} more
        </button>
      )}
    </section>
  );
}

function ClassName({ id, label }: TaughtClass) {
  const [problem, setProblem] = useState<string | null>(null);
  const help = useId();
  const rename = (typed: string) => {
    const wanted = labelFrom(typed);
    const other = classCalled(wanted);
    if (wanted === "") return setProblem("A class needs a name.");
    if (other !== undefined && other.id !== id) return setProblem(`There is a class ${other.label} already.`);
    setProblem(null);
    if (wanted !== label) void renameClass(id, wanted);
  };
  return (
    <div class="class-name">
      <input
        type="text"
        aria-label="Name of the class"
        maxLength={100}
        value={label}
        aria-invalid={problem !== null || undefined}
        aria-describedby={problem === null ? undefined : help}
        onChange={({ currentTarget }) => rename(currentTarget.value)}
      />
      <button type="button" aria-label={`Remove the class ${label}`} onClick={() => void removeClass(id)}>
        <span aria-hidden="true">×</span>
      </button>
      {problem !== null && (
        <p id={help} class="small wrong" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}
