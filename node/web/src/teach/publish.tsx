/** The new model under a name of its own: served here, or taken away. */
import { useState } from "preact/hooks";
import { type DescribedModel, Refusal } from "../api.js";
import { jobPath, registerJob } from "../api-teach.js";
import { Commands } from "../components/commands.js";
import { Download } from "../components/download.js";
import { IdField, isId } from "../components/id-field.js";
import { Problem } from "../components/problem.js";
import { poll } from "../poll.js";
import { addressOf } from "../route.js";
import { announcement } from "../state.js";

export function Publish({ id }: { readonly id: string }) {
  const [name, setName] = useState("my-classes");
  const [title, setTitle] = useState("");
  const [served, setServed] = useState<DescribedModel | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [isBusy, setBusy] = useState(false);
  const register = async () => {
    setBusy(true);
    setRefusal(null);
    try {
      const model = await registerJob(id, { id: name, ...(title === "" ? {} : { title }) });
      setServed(model);
      announcement.value = `${model.id} is served.`;
      await poll();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      setRefusal(error);
    } finally {
      setBusy(false);
    }
  };
  const path = jobPath(id);
  return (
    <section class="publish" aria-labelledby="publish-title">
      <h3 id="publish-title">Keep it</h3>
      {served === null ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void register();
          }}
        >
          <IdField id="taught-id" value={name} onInput={setName} />
          <div class="field">
            <label for="taught-title">Title</label>
            <input
              id="taught-title"
              type="text"
              value={title}
              placeholder="What it tells apart, in a few words"
              onInput={({ currentTarget }) => setTitle(currentTarget.value)}
            />
          </div>
          <button id="serve" type="submit" class="primary" disabled={!isId(name) || isBusy}>
            Serve it here
          </button>
        </form>
      ) : (
        <>
          <p id="served" class="done" role="status">
            Served as <a href={addressOf({ view: "model", id: served.id })}>{served.id}</a>, version {served.version}.{" "}
            <a href={addressOf({ view: "classify", model: served.id, other: null })}>Classify with it</a>
          </p>
          <Commands
            request={{
              method: "POST",
              path: "infer",
              fields: [
                ["model", served.id],
                ["image_file", { name: "photo.jpg" }],
              ],
            }}
          />
        </>
      )}
      {refusal !== null && <Problem refusal={refusal} retry={() => void register()} />}
      <p class="small">Or take it away: the graph runs in any TensorFlow, without this service.</p>
      <div class="actions">
        <Download path={`${path}/graph.pb`} name={`${name}.pb`} words="Graph" />
        <Download path={`${path}/labels.txt`} name={`${name}-labels.txt`} words="Labels" />
        <Download path={`${path}/model.zip`} name={`${name}.zip`} words="Everything, as a zip" />
      </div>
    </section>
  );
}
