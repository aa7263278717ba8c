/** Brings a job's photos to what the classes hold here: what the service has is not sent again. */
import { Refusal } from "../api.js";
import { listPhotos, putPhoto, removePhoto } from "../api-teach.js";
import { labelOf, photos } from "./album.js";
import { patiently } from "./patience.js";
import { readPhoto } from "./store.js";

/** Browsers open six connections to one server; some are left for the rest of the page. */
const SENT_AT_ONCE = 4;

export async function sendPhotos(
  jobId: string,
  signal: AbortSignal,
  tell: (done: number, total: number) => void,
  tellWait: (words: string | null) => void,
): Promise<void> {
  const sent = await patiently(() => listPhotos(jobId, signal), signal, tellWait);
  const labels = new Map(sent.map(({ sha256, label }) => [sha256, label]));
  const here = photos.value;
  const lacking = [...here.values()].filter(({ sha256, classId }) => labels.get(sha256) !== labelOf(classId));
  const surplus = sent.filter(({ sha256 }) => !here.has(sha256));
  const calls = [
    ...surplus.map(
      ({ sha256 }) =>
        () =>
          removePhoto(jobId, sha256, signal),
    ),
    ...lacking.map(({ sha256, classId, name }) => async () => {
      const file = await readPhoto(sha256);
      if (file === null) throw new Refusal("image_missing", `${name} is gone from this browser; remove it.`);
      await putPhoto(jobId, { sha256, label: labelOf(classId), name }, file, signal);
    }),
  ];
  const { size } = here;
  let done = size - lacking.length;
  tell(done, size);
  const sendNext = async (): Promise<void> => {
    try {
      for (let next = calls.shift(); next !== undefined; next = calls.shift()) {
        await patiently(next, signal, tellWait);
        done += 1;
        tell(Math.min(done, size), size);
      }
    } finally {
      // Where one is refused, the others need not be sent.
      calls.length = 0;
    }
  };
  await Promise.all(Array.from({ length: SENT_AT_ONCE }, sendNext));
}
