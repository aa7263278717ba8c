/** Whether a large photo is sent, or the pixels that the model sees of it. */
import { megabytes } from "../../format.js";
import { type Photo, sendsPixels } from "../../state.js";
import { askIfQuick } from "../ask.js";
import { isLightOffered } from "./light.js";

export function LightChoice({ photo }: { readonly photo: Photo }) {
  if (photo.file === null || !isLightOffered(photo)) return null;
  return (
    <label class="small">
      <input
        id="send-pixels"
        type="checkbox"
        checked={sendsPixels.value}
        onChange={({ currentTarget }) => {
          sendsPixels.value = currentTarget.checked;
          askIfQuick();
        }}
      />
      Send only the pixels that the model sees, in place of {megabytes(photo.file.size)}: faster on a slow connection
    </label>
  );
}
