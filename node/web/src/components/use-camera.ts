/**
 * The camera, which is asked for when a component that uses it opens and let go when that closes. Browsers give it to pages of
 * this machine and of HTTPS alone.
 */
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

interface CameraInUse {
  /** For the element that shows what it sees. */
  readonly video: RefObject<HTMLVideoElement>;
  /** Why it cannot be had, in the browser's words; null while nothing is known against it. */
  readonly problem: string | null;
  readonly isOn: boolean;
}

export function useCamera(): CameraInUse {
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isOn, setOn] = useState(false);
  useEffect(() => {
    let stream: MediaStream | null = null;
    let isClosed = false;
    const stop = () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    const open = async () => {
      if (!navigator.mediaDevices) throw new Error("This address is not secure enough for the browser to allow it.");
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (isClosed || video.current === null) return stop();
      video.current.srcObject = stream;
      await video.current.play();
      setOn(true);
    };
    open().catch((error: unknown) => {
      if (!isClosed) setProblem(error instanceof Error ? error.message : String(error));
    });
    return () => {
      isClosed = true;
      stop();
    };
  }, []);
  return { video, problem, isOn };
}

/** What it sees now as a JPEG, its longer side at most so many pixels; null where the browser makes none. */
export async function frameOf(
  video: HTMLVideoElement | null,
  sidePixelsMax = Number.POSITIVE_INFINITY,
): Promise<Blob | null> {
  if (video === null) return null;
  const { videoWidth, videoHeight } = video;
  const scale = Math.min(1, sidePixelsMax / Math.max(videoWidth, videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(videoWidth * scale);
  canvas.height = Math.round(videoHeight * scale);
  canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}
