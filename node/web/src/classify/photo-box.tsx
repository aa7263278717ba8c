/** Where photos come in: chosen, dropped, pasted, taken, or by address; and the one that is asked about. */
import { useEffect, useRef, useState } from "preact/hooks";
import { chosenFiles } from "../found-files.js";
import { blame, photo, photos, service } from "../state.js";
import { AddressField } from "./address-field.js";
import { Camera } from "./camera.js";
import { PhotoFrame } from "./photo-frame.js";
import { takeFiles, takePhotos } from "./take-files.js";

const BLAMES_IMAGE: ReadonlySet<string | null> = new Set([
  "image_missing",
  "image_unsupported",
  "image_undecodable",
  "image_too_large",
  "url_forbidden",
  "url_unreachable",
]);

export function PhotoBox() {
  const [isCameraOpen, openCamera] = useState(false);
  const folder = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (folder.current !== null) folder.current.webkitdirectory = true;
  }, []);
  return (
    <div id="photo" class={photos.value.length === 0 ? "photo empty" : "photo"}>
      {photo.value !== null && <PhotoFrame photo={photo.value} />}
      {isCameraOpen && <Camera onClose={() => openCamera(false)} />}
      <div class="choose">
        <input
          id="image"
          class="unseen"
          type="file"
          multiple
          // What is not listed here, such as HEIC, phones convert on the way.
          accept="image/jpeg,image/png,image/webp,image/gif,image/bmp"
          aria-describedby="image-help"
          aria-invalid={BLAMES_IMAGE.has(blame.value) || undefined}
          onChange={({ currentTarget }) => {
            takePhotos(chosenFiles(currentTarget));
            // The same file can be chosen again.
            currentTarget.value = "";
          }}
        />
        <label for="image" class="button primary">
          {photos.value.length === 0 ? "Choose photos" : "Choose others"}
        </label>
        <button type="button" id="take" onClick={() => openCamera(true)}>
          Camera
        </button>
        <input
          ref={folder}
          type="file"
          hidden
          onChange={({ currentTarget }) => {
            void takeFiles(chosenFiles(currentTarget));
            currentTarget.value = "";
          }}
        />
        <button type="button" onClick={() => folder.current?.click()}>
          Folder
        </button>
      </div>
      <p id="image-help" class="help">
        JPEG, PNG, WebP, GIF or BMP, one or many. Or drop them anywhere on the page, or paste one. They go to this
        server and nowhere else.
      </p>
      {service.value?.image_url && <AddressField />}
    </div>
  );
}
