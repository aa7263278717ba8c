/** Keeps the graph of the user's own on the service, under a name. */
import { useState } from "preact/hooks";
import { type DescribedModel, Refusal, register } from "../../api.js";
import { Commands } from "../../components/commands.js";
import { IdField, isId } from "../../components/id-field.js";
import { NeedsRole } from "../../components/needs-role.js";
import { poll } from "../../poll.js";
import { addressOf } from "../../route.js";
import { announcement, type OwnModel, own, service } from "../../state.js";
import { doWork } from "../../work.js";
import { exampleFields, type Field, formOf } from "../question.js";

export function Register({ mine }: { readonly mine: OwnModel }) {
  const [id, setId] = useState(() => idFrom(mine.graph.name));
  const [title, setTitle] = useState("");
  const [version, setVersion] = useState("1");
  const [kept, setKept] = useState<DescribedModel | null>(null);
  const isGood = isId(id);
  const fields: readonly Field[] = [
    ["id", id],
    ["version", version],
    ...(title === "" ? [] : [["manifest", JSON.stringify({ title })] as const]),
    ["model_file", mine.graph],
    ...(mine.labels === null ? [] : [["label_file", mine.labels] as const]),
    ...exampleFields(mine),
    ...Object.entries(mine.settings),
  ];
  const send = () =>
    doWork(async (sending) => {
      if (!isGood) throw new Refusal("field_invalid", `${JSON.stringify(id)} is no id.`);
      const model = await register(formOf(fields), sending);
      setKept(model);
      announcement.value = `Registered as ${model.id}.`;
      await poll();
    });
  if (kept !== null) {
    return (
      <p class="done" role="status">
        Registered as <a href={addressOf({ view: "model", id: kept.id })}>{kept.id}</a>, version {kept.version}.{" "}
        <a href={addressOf({ view: "classify", model: kept.id, other: null })} onClick={() => (own.value = null)}>
          Use it from now on
        </a>
      </p>
    );
  }
  const mayNot = service.value !== null && !["models", "admin"].includes(service.value.role);
  return (
    <details class="register">
      <summary>Keep it on this service</summary>
      {mayNot && <NeedsRole />}
      <IdField id="register-id" value={id} onInput={setId} />
      <div class="field">
        <label for="register-title">Title</label>
        <input
          id="register-title"
          type="text"
          value={title}
          placeholder="What it tells apart, in a few words"
          onInput={({ currentTarget }) => setTitle(currentTarget.value)}
        />
      </div>
      <div class="field">
        <label for="register-version">Version</label>
        <input
          id="register-version"
          type="text"
          value={version}
          onInput={({ currentTarget }) => setVersion(currentTarget.value)}
        />
      </div>
      <button id="register" type="button" class="primary" disabled={!isGood || mayNot} onClick={() => void send()}>
        Register
      </button>
      <details class="code">
        <summary>The same from your code</summary>
        <Commands request={{ method: "POST", path: "api/models", fields }} />
      </details>
    </details>
  );
}

/** An id that the file's name suggests. */
function idFrom(name: string): string {
  const id = name
    .toLowerCase()
    .replace(/\.[a-z]+$/, "")
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, 64);
  return id === "graph" || id === "" ? "my-model" : id;
}
