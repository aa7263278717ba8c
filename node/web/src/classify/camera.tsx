/**
 * A photo from the camera, which is asked for when this opens and let go when it closes. Browsers give it to pages of this
 * machine and of HTTPS alone; elsewhere the phone's own camera is opened through a file field.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { takePhoto } from "./ask.js";
import { endBatch } from "./many/batch.js";

export function Camera({ onClose }: { readonly onClose: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isOn, setOn] = useState(false);

  useEffect(() => {
    let stream: MediaStream | null = null;
    let isClosed = false;
    const open = async () => {
      if (!navigator.mediaDevices) throw new Error("This address is not secure enough for the browser to allow it.");
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (isClosed || video.current === null) return stop();
      video.current.srcObject = stream;
      await video.current.play();
      setOn(true);
    };
    const stop = () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    open().catch((error: unknown) => setProblem(error instanceof Error ? error.message : String(error)));
    return () => {
      isClosed = true;
      stop();
    };
  }, []);

  const shoot = async () => {
    const source = video.current;
    if (source === null) return;
    const canvas = document.createElement("canvas");
    canvas.width = source.videoWidth;
    canvas.height = source.videoHeight;
    canvas.getContext("2d")?.drawImage(source, 0, 0);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    if (blob !== null) {
      endBatch();
      takePhoto({ name: "camera.jpg", file: new File([blob], "camera.jpg", { type: "image/jpeg" }), address: null });
    }
    onClose();
  };

  return (
    <div class="camera">
      {problem === null ? (
        <video ref={video} muted playsInline aria-label="What the camera sees" />
      ) : (
        <>
          <p role="alert">The camera cannot be opened here: {problem}</p>
          <label class="button">
            Take a photo with the phone's camera
            <input
              class="unseen"
              type="file"
              accept="image/jpeg"
              capture="environment"
              onChange={({ currentTarget }) => {
                const [file] = currentTarget.files ?? [];
                if (file) takePhoto({ name: file.name, file, address: null });
                onClose();
              }}
            />
          </label>
        </>
      )}
      <div class="actions">
        {problem === null && (
          <button id="shoot" type="button" class="primary" disabled={!isOn} onClick={() => void shoot()}>
            Take the photo
          </button>
        )}
        <button type="button" onClick={onClose}>
          Close the camera
        </button>
      </div>
    </div>
  );
}
