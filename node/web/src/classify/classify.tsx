/** The first view: a photo in, what is in it out. Many photos take the place of the one. */
import { useEffect } from "preact/hooks";
import { KeyField } from "../components/key-field.js";
import { useReveal } from "../components/reveal.js";
import { batch, chosenModels, models, own, photo, photos } from "../state.js";
import { AskedAnswer } from "./answer.js";
import { ask, askOthers } from "./ask.js";
import { HereChoice } from "./here/here-choice.js";
import { ManyPhotos } from "./many/many-photos.js";
import { ModelChoice } from "./model-choice.js";
import { OwnFiles } from "./own/own-files.js";
import { OwnModelView } from "./own/own-model-view.js";
import { PhotoBox } from "./photo-box.js";
import { Samples } from "./samples.js";

export function Classify() {
  const chosen = chosenModels.value.join(" ");
  useReveal("reply");
  // The chosen models are what asks again.
  useEffect(askOthers, [chosen]);
  return (
    <>
      <h1 class="unseen">Classify a photo</h1>
      <div class={photos.value.length === 0 ? "columns fresh" : "columns"}>
        <form
          id="question"
          onSubmit={(event) => {
            event.preventDefault();
            void ask();
          }}
        >
          <KeyField />
          <PhotoBox />
          <ModelChoice />
          <OwnFiles />
          {batch.value === null && (
            <button id="submit" type="submit" class="primary">
              Classify
            </button>
          )}
          <HereChoice />
        </form>
        <div class="beside">
          {batch.value === null ? (
            <>
              <AskedAnswer />
              {models.value?.length === 0 && own.value === null && (
                <p>
                  This service has no model of its own yet. Drop a frozen graph on the page, with its labels and a
                  photo.
                </p>
              )}
              <OwnModelView />
            </>
          ) : (
            <ManyPhotos batch={batch.value} />
          )}
        </div>
        {batch.value === null && <Samples isFirst={photo.value === null} />}
      </div>
    </>
  );
}
