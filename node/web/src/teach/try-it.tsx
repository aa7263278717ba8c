/** What the new model says of the camera, second by second, or of a photo; before it is registered. */
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { pause } from "../../../src/client/pause.js";
import { Refusal, type Result } from "../api.js";
import { askOwn } from "../classify/ask.js";
import { takeOwn } from "../classify/own/own-model.js";
import { Bars } from "../components/bars.js";
import { Problem } from "../components/problem.js";
import { Thumbnail } from "../components/thumbnail.js";
import { frameOf, useCamera } from "../components/use-camera.js";
import { addressOf } from "../route.js";
import { announcement, type OwnModel } from "../state.js";
import { patiently } from "./patience.js";
import { readTaught } from "./taught-model.js";

const EVERY_MS = 1000;
const SIDE_PIXELS_MAX = 640;

/** Asks about a photo. */
type Ask = (photo: File, signal: AbortSignal) => Promise<Result>;

export function TryIt({ id }: { readonly id: string }) {
  const taught = useRef<OwnModel | null>(null);
  const [isLive, setLive] = useState(false);
  const [photo, setPhoto] = useState<File | null>(null);
  const file = useId();
  const open = async (signal: AbortSignal) => {
    taught.current ??= await readTaught(id, signal);
    return taught.current;
  };
  const ask: Ask = (asked, signal) =>
    patiently(
      async () => {
        const { results, kept } = await askOwn(await open(signal), [["image_file", asked]], { signal });
        taught.current = kept;
        const [result] = results;
        if (result === undefined) throw new Refusal("internal", "No answer came.");
        return result;
      },
      signal,
      () => {},
    );
  const takeAlong = async () => {
    takeOwn(await open(new AbortController().signal));
    location.hash = addressOf({ view: "classify", model: null, other: null });
  };
  return (
    <section class="try" aria-labelledby="try-title">
      <h3 id="try-title">Try it</h3>
      <div class="actions">
        <button type="button" id="try-live" aria-expanded={isLive} onClick={() => setLive(!isLive)}>
          {isLive ? "Close the camera" : "By camera"}
        </button>
        <input
          id={file}
          class="unseen try-photo"
          type="file"
          accept="image/jpeg,image/png,image/webp,image/gif,image/bmp"
          onChange={({ currentTarget }) => {
            setPhoto(currentTarget.files?.[0] ?? null);
            currentTarget.value = "";
          }}
        />
        <label for={file} class="button">
          With a photo
        </label>
        <button type="button" onClick={() => void takeAlong()}>
          In the view Classify
        </button>
      </div>
      {isLive && <Live ask={ask} />}
      {photo !== null && <OnePhoto photo={photo} ask={ask} />}
    </section>
  );
}

function Live({ ask }: { readonly ask: Ask }) {
  const { video, problem, isOn } = useCamera();
  const [said, setSaid] = useState<Result | Refusal | null>(null);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (!isOn) return;
    const given = new AbortController();
    const { signal } = given;
    const look = async () => {
      while (!signal.aborted) {
        const due = performance.now() + EVERY_MS;
        const frame = await frameOf(video.current, SIDE_PIXELS_MAX);
        if (frame !== null) setSaid(await ask(new File([frame], "camera.jpg", { type: frame.type }), signal));
        await pause(Math.max(0, due - performance.now()), signal);
      }
    };
    look().catch((error: unknown) => {
      if (signal.aborted) return;
      if (!(error instanceof Refusal)) throw error;
      setSaid(error);
    });
    return () => given.abort();
  }, [isOn, tries]);
  if (problem !== null) return <p role="alert">The camera cannot be opened here: {problem}</p>;
  return (
    <div class="tried">
      <video ref={video} muted playsInline aria-label="What the camera sees" />
      <Said said={said} retry={() => setTries(tries + 1)} />
    </div>
  );
}

function OnePhoto({ photo, ask }: { readonly photo: File; readonly ask: Ask }) {
  const [said, setSaid] = useState<Result | Refusal | null>(null);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    const given = new AbortController();
    setSaid(null);
    ask(photo, given.signal)
      .then((result) => {
        setSaid(result);
        announcement.value = `Detected ${result.label} with ${result.band} confidence.`;
      })
      .catch((error: unknown) => {
        if (given.signal.aborted) return;
        if (!(error instanceof Refusal)) throw error;
        setSaid(error);
      });
    return () => given.abort();
  }, [photo, tries]);
  return (
    <div class="tried">
      <Thumbnail file={photo} />
      <Said said={said} retry={() => setTries(tries + 1)} />
    </div>
  );
}

function Said({ said, retry }: { readonly said: Result | Refusal | null; readonly retry: () => void }) {
  if (said === null) return <p class="small">It looks …</p>;
  if (said instanceof Refusal) return <Problem refusal={said} retry={retry} />;
  return (
    <div class="said">
      <p class="sentence">
        Detected <b>{said.label}</b> with <u>{said.band}</u> confidence.
      </p>
      <Bars top={said.top} />
    </div>
  );
}
