/** The photos that it is wrong about, the surest answer first: some of them will be in the wrong class. */
import type { WrongPhoto } from "../api-teach.js";
import { percent } from "../format.js";
import { labelOf, lesson, movePhotos, photos } from "./album.js";
import { isBusy, train } from "./job.js";
import { KeptThumbnail } from "./photo-tile.js";

const SHOWN_MAX = 24;

export function WrongPhotos({ wrong }: { readonly wrong: readonly WrongPhoto[] }) {
  if (wrong.length === 0) return <p>It was wrong about none of them.</p>;
  return (
    <section class="wrong-photos" aria-labelledby="wrong-title">
      <h3 id="wrong-title">What it gets wrong, the surest first</h3>
      <p class="small">Some of these may lie in the wrong class. Say what they really are, and train again.</p>
      <ul>
        {wrong.slice(0, SHOWN_MAX).map((one) => (
          <WrongTile key={one.sha256} wrong={one} />
        ))}
      </ul>
      {lesson.value.job?.isStale && (
        <button type="button" disabled={isBusy.value} onClick={() => void train()}>
          Train again with this
        </button>
      )}
    </section>
  );
}

function WrongTile({ wrong: { sha256, name, label, answered, probability } }: { readonly wrong: WrongPhoto }) {
  const here = photos.value.get(sha256);
  const now = here === undefined ? null : labelOf(here.classId);
  return (
    <li class="wrong-photo">
      <KeptThumbnail sha256={sha256} />
      <div>
        <p>
          Taken for <b>{answered}</b>, {percent(probability)}
        </p>
        <p class="small file-name" dir="auto" title={name}>
          {name.slice(name.lastIndexOf("/") + 1)}
        </p>
        {here === undefined ? (
          <p class="small">
            It was <bdi>{label}</bdi>, and is no longer in this browser.
          </p>
        ) : (
          <label class="small">
            It is really
            <select
              value={here.classId}
              onChange={({ currentTarget }) => void movePhotos([sha256], Number(currentTarget.value))}
            >
              {lesson.value.classes.map((one) => (
                <option key={one.id} value={one.id}>
                  {one.label}
                </option>
              ))}
            </select>
          </label>
        )}
        {now !== null && now !== label && <p class="small">Moved from {label}.</p>}
      </div>
    </li>
  );
}
