/** The photo that is asked about, small, with the part of it that is classified. */
import { useEffect, useRef, useState } from "preact/hooks";
import { type Photo, region } from "../state.js";
import { askIfQuick } from "./ask.js";
import { LightChoice } from "./light/light-choice.js";
import { beginRegion, type Region, type Size } from "./region.js";
import { RegionBox } from "./region-box.js";
import { RegionFields } from "./region-fields.js";

const PREVIEW_PIXELS_MAX = 1024;

const KINDS: readonly [Region["kind"], string][] = [
  ["whole", "Whole photo"],
  ["crop", "A part"],
  ["point", "Around a point"],
];

export function PhotoFrame({ photo }: { readonly photo: Photo }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState<Size | null>(null);
  useEffect(() => {
    let isCurrent = true;
    setSize(null);
    if (photo.file !== null) {
      void draw(photo.file, canvas, () => isCurrent).then((drawn) => isCurrent && setSize(drawn));
    }
    return () => {
      isCurrent = false;
    };
  }, [photo]);
  const now = region.value;
  return (
    <div class="frame">
      <div class="picture">
        <canvas ref={canvas} id="preview" role="img" aria-label={`The chosen photo, ${photo.name}`} hidden={!size} />
        {size !== null && now.kind !== "whole" && <RegionBox region={now} size={size} />}
      </div>
      <p class="file-name" dir="auto">
        {photo.name}
      </p>
      {size !== null && (
        <fieldset class="choices">
          <legend class="unseen">What to classify</legend>
          {KINDS.map(([kind, words]) => (
            <label key={kind}>
              <input
                type="radio"
                name="region"
                checked={now.kind === kind}
                onChange={() => {
                  region.value = beginRegion(kind, size);
                  askIfQuick();
                }}
              />
              {words}
            </label>
          ))}
        </fieldset>
      )}
      {size !== null && now.kind !== "whole" && <RegionFields region={now} size={size} />}
      {size !== null && <LightChoice photo={photo} />}
    </div>
  );
}

/** Draws the photo small and upright. What the browser cannot decode has no preview, and the service judges it. */
async function draw(
  file: File,
  { current: canvas }: { readonly current: HTMLCanvasElement | null },
  isCurrent: () => boolean,
): Promise<Size | null> {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (bitmap === null || canvas === null || !isCurrent()) return null;
  const { width, height } = bitmap;
  const scale = Math.min(1, PREVIEW_PIXELS_MAX / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return { width, height };
}
