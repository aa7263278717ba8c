/** A photo from the camera; where the browser gives none, from the phone's own, which a file field opens. */
import { frameOf, useCamera } from "../components/use-camera.js";
import { takePhoto } from "./ask.js";
import { endBatch } from "./many/batch.js";

export function Camera({ onClose }: { readonly onClose: () => void }) {
  const { video, problem, isOn } = useCamera();

  const shoot = async () => {
    const blob = await frameOf(video.current);
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
