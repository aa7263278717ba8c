/**
 * A photo as a small bitmap, made when it comes into sight: what is far away costs neither time nor memory. A few are
 * made at a time.
 */
import { useEffect, useRef } from "preact/hooks";

const SIDE_PIXELS = 128;
const MADE_AT_ONCE = 2;

const waiting: (() => Promise<void>)[] = [];
let making = 0;

/** What it is drawn from; or how that is had once it is in sight, null where it is gone. The same function is the same photo. */
export type Drawn = Blob | null | (() => Promise<Blob | null>);

export function Thumbnail({ file }: { readonly file: Drawn }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    if (element === null || file === null) return;
    let isWanted = true;
    const observer = new IntersectionObserver(
      (seen) => {
        if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
        observer.disconnect();
        waiting.push(async () => {
          if (isWanted) await draw(typeof file === "function" ? await file() : file, element);
        });
        makeNext();
      },
      { rootMargin: "200px" },
    );
    observer.observe(element);
    return () => {
      isWanted = false;
      observer.disconnect();
    };
  }, [file]);
  return <canvas ref={canvas} width={SIDE_PIXELS} height={SIDE_PIXELS} />;
}

function makeNext(): void {
  const next = making < MADE_AT_ONCE ? waiting.shift() : undefined;
  if (next === undefined) return;
  making += 1;
  void next().finally(() => {
    making -= 1;
    makeNext();
  });
}

/** The middle square. A photo that the browser cannot decode stays blank. */
async function draw(file: Blob | null, canvas: HTMLCanvasElement): Promise<void> {
  if (file === null) return;
  const bitmap = await createImageBitmap(file, { resizeWidth: 2 * SIDE_PIXELS, resizeQuality: "low" }).catch(
    () => null,
  );
  if (bitmap === null) return;
  const { width, height } = bitmap;
  const side = Math.min(width, height);
  const [left, top] = [(width - side) / 2, (height - side) / 2];
  canvas.getContext("2d")?.drawImage(bitmap, left, top, side, side, 0, 0, SIDE_PIXELS, SIDE_PIXELS);
  bitmap.close();
}
