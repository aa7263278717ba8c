/** Photos of a class by the camera: one a press, several a second while the button is held. */
import { useEffect, useRef, useState } from "preact/hooks";
import { frameOf, useCamera } from "../components/use-camera.js";
import { counted } from "../format.js";
import { beginStep, endStep, type Step, say } from "./album.js";
import { takeFrame } from "./intake.js";

const EVERY_MS = 250;
/** Nets see less than half of it. */
const SIDE_PIXELS_MAX = 640;

interface Hold {
  readonly step: Step;
  readonly timer: ReturnType<typeof setInterval>;
  readonly frames: Promise<void>[];
}

export function Burst({ classId, onClose }: { readonly classId: number; readonly onClose: () => void }) {
  const { video, problem, isOn } = useCamera();
  const hold = useRef<Hold | null>(null);
  const [taken, setTaken] = useState(0);

  const shoot = async (step: Step) => {
    const frame = await frameOf(video.current, SIDE_PIXELS_MAX);
    if (frame === null) return;
    const name = `camera-${new Date().toISOString().replace(/[:.]/g, "-")}.jpg`;
    setTaken((before) => before + 1);
    await takeFrame(new File([frame], name, { type: frame.type }), classId, step);
  };
  const begin = () => {
    if (hold.current !== null || !isOn) return;
    const step = beginStep("Photos taken");
    const frames = [shoot(step)];
    hold.current = { step, frames, timer: setInterval(() => frames.push(shoot(step)), EVERY_MS) };
  };
  const end = () => {
    if (hold.current === null) return;
    const { step, frames, timer } = hold.current;
    hold.current = null;
    clearInterval(timer);
    void Promise.all(frames).then(() => {
      const words = `${counted(frames.length, "photo")} taken`;
      endStep(step, words);
      say([`${words}.`]);
    });
  };
  useEffect(() => end, []);

  return (
    <div class="burst">
      {problem === null ? (
        <video ref={video} muted playsInline aria-label="What the camera sees" />
      ) : (
        <p role="alert">The camera cannot be opened here: {problem}</p>
      )}
      <div class="actions">
        {problem === null && (
          <button
            type="button"
            class="primary hold"
            disabled={!isOn}
            onPointerDown={({ button, currentTarget, pointerId }) => {
              if (button !== 0) return;
              // It is held wherever the pointer goes.
              currentTarget.setPointerCapture(pointerId);
              begin();
            }}
            onLostPointerCapture={end}
            onBlur={end}
            onContextMenu={(event) => event.preventDefault()}
            onKeyDown={(event) => {
              if (event.key !== " " && event.key !== "Enter") return;
              event.preventDefault();
              begin();
            }}
            onKeyUp={end}
            onClick={({ detail }) => {
              // Of what presses it without a pointer, such as a screen reader.
              if (detail === 0 && hold.current === null) {
                begin();
                end();
              }
            }}
          >
            Hold to take photos
          </button>
        )}
        <button type="button" onClick={onClose}>
          Close the camera
        </button>
        {taken > 0 && <span class="small">{counted(taken, "photo")} taken</span>}
      </div>
    </div>
  );
}
