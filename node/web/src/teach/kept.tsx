/** Where the photos are, and how they go. */
import { useState } from "preact/hooks";
import { counted, megabytes } from "../format.js";
import { forgetAll, isOpen, lesson, photos } from "./album.js";
import { dropJob } from "./job.js";
import { isKept } from "./store.js";

export function Kept() {
  const [isAsking, ask] = useState(false);
  const { size } = photos.value;
  if (!isOpen.value || (size === 0 && lesson.value.job === null)) return null;
  const bytes = [...photos.value.values()].reduce((sum, photo) => sum + photo.bytes, 0);
  return (
    <div class="kept">
      <p class="small">
        {counted(size, "photo")}, {megabytes(bytes)}.{" "}
        {isKept.value
          ? "They stay in this browser, also when it is closed, until you remove them; training sends them to this server and nowhere else."
          : "This browser keeps nothing of this page: they are gone when the tab is closed. Training sends them to this server and nowhere else."}
      </p>
      {!isAsking && (
        <button type="button" id="forget-all" onClick={() => ask(true)}>
          Remove everything
        </button>
      )}
      {isAsking && (
        <div class="problem" role="alertdialog" aria-labelledby="forget-all-sure">
          <p id="forget-all-sure">
            Remove all classes and photos from this browser, and what the service has of the training? Registered models
            stay. This cannot be undone.
          </p>
          <p class="actions">
            <button
              type="button"
              id="forget-all-now"
              class="primary"
              onClick={() => {
                ask(false);
                void dropJob().then(forgetAll);
              }}
            >
              Remove
            </button>
            <button type="button" onClick={() => ask(false)}>
              Keep
            </button>
          </p>
        </div>
      )}
    </div>
  );
}
