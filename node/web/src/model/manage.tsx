/** Changes of a registered model: another version is served, one or all are removed. */
import { useState } from "preact/hooks";
import { type ListedModel, Refusal, removeModel, serveVersion } from "../api.js";
import { NeedsRole } from "../components/needs-role.js";
import { Problem } from "../components/problem.js";
import { poll } from "../poll.js";
import { addressOf } from "../route.js";
import { announcement, service } from "../state.js";

export function Manage({ model: { id, versions, served } }: { readonly model: ListedModel }) {
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [asksFor, askFor] = useState<string | null>(null);
  const mayNot = service.value !== null && !["models", "admin"].includes(service.value.role);
  const change = async (act: () => Promise<void>, said: string) => {
    setRefusal(null);
    askFor(null);
    try {
      await act();
      announcement.value = said;
      await poll();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      setRefusal(error);
    }
  };
  const remove = async (version: string | null) => {
    await change(
      () => removeModel(id, version),
      version === null ? `${id} is removed.` : `Version ${version} is removed.`,
    );
    if (version === null || versions.length === 1) location.hash = addressOf({ view: "models" });
  };
  return (
    <section class="manage" aria-labelledby="manage-title">
      <h2 id="manage-title">Versions</h2>
      {mayNot && <NeedsRole />}
      {refusal !== null && <Problem refusal={refusal} />}
      <ul class="versions">
        {versions.map((version) => (
          <li key={version}>
            <span>
              {version} {version === served && <span class="tag">served</span>}
            </span>
            {version !== served && (
              <button
                type="button"
                disabled={mayNot}
                onClick={() => void change(() => serveVersion(id, version), `Version ${version} is served now.`)}
              >
                Serve {version}
              </button>
            )}
            {versions.length > 1 && (
              <button type="button" disabled={mayNot} onClick={() => askFor(version)}>
                Remove {version}
              </button>
            )}
          </li>
        ))}
      </ul>
      {asksFor === null ? (
        <button id="remove" type="button" disabled={mayNot} onClick={() => askFor("")}>
          Remove the model
        </button>
      ) : (
        <div class="problem" role="alertdialog" aria-labelledby="sure">
          <p id="sure">
            {asksFor === "" ? `Remove ${id} with every version?` : `Remove version ${asksFor}?`} This cannot be undone.
          </p>
          <p class="actions">
            <button id="remove-now" type="button" class="primary" onClick={() => void remove(asksFor || null)}>
              Remove
            </button>
            <button type="button" onClick={() => askFor(null)}>
              Keep
            </button>
          </p>
        </div>
      )}
    </section>
  );
}
