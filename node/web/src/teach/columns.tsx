/** The classes side by side, and what can be done with photos that are marked. */
import { useEffect, useRef } from "preact/hooks";
import { counted } from "../format.js";
import { chosenFiles } from "../found-files.js";
import { addClass, isOpen, lesson, marked, movePhotos, photosOf, removePhotos, said, steps, undo } from "./album.js";
import { Column } from "./column.js";
import { intake, stopIntake, takeIn } from "./intake.js";

export function Columns() {
  const folder = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (folder.current !== null) folder.current.webkitdirectory = true;
  }, []);
  const last = steps.value.at(-1);
  return (
    <section class="classes" aria-label="Classes">
      <div class="class-columns" aria-busy={!isOpen.value}>
        {isOpen.value &&
          lesson.value.classes.map((one) => (
            <Column key={one.id} taught={one} photos={photosOf.value.get(one.id) ?? []} />
          ))}
        <div class="class-column more">
          <button type="button" id="add-class" onClick={() => void addClass()}>
            Add a class
          </button>
          <input
            ref={folder}
            id="class-folders"
            type="file"
            hidden
            onChange={({ currentTarget }) => {
              void takeIn(chosenFiles(currentTarget), null);
              currentTarget.value = "";
            }}
          />
          <button type="button" onClick={() => folder.current?.click()}>
            Add folders, one a class
          </button>
        </div>
      </div>
      <div class="actions">
        {last !== undefined && intake.value === null && (
          <button type="button" id="undo" onClick={() => void undo()}>
            Undo: {last.words}
          </button>
        )}
      </div>
      <Intake />
      <Marked />
    </section>
  );
}

function Intake() {
  const now = intake.value;
  const sentences = said.value;
  if (now !== null) {
    return (
      <div class="progress">
        <label for="intake-bar">
          Taking in photos: {now.done.toLocaleString("en")} of {now.total.toLocaleString("en")}
        </label>
        <progress id="intake-bar" max={now.total} value={now.done} />
        <button type="button" onClick={stopIntake}>
          Stop
        </button>
      </div>
    );
  }
  if (sentences.length === 0) {
    return (
      <p class="help">
        Drop photos on a class, or a folder for each class anywhere. Or paste one, choose files, or use the camera.
        JPEG, PNG, WebP, GIF or BMP.
      </p>
    );
  }
  return (
    <p id="intake-said" class="help">
      {sentences.join(" ")}
    </p>
  );
}

function Marked() {
  const hashes = marked.value;
  if (hashes.size === 0) return null;
  return (
    <section class="marked" aria-label="Marked photos">
      <span>{counted(hashes.size, "photo")} marked</span>
      <select
        aria-label="Move them to"
        value=""
        onChange={({ currentTarget }) => void movePhotos(hashes, Number(currentTarget.value))}
      >
        <option value="" disabled>
          Move to …
        </option>
        {lesson.value.classes.map(({ id, label }) => (
          <option key={id} value={id}>
            {label}
          </option>
        ))}
      </select>
      <button type="button" id="remove-marked" onClick={() => void removePhotos(hashes)}>
        Remove
      </button>
      <button type="button" onClick={() => (marked.value = new Set())}>
        Unmark
      </button>
    </section>
  );
}
