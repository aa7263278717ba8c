/** A listed model whose files are not here: fetched by the service, with progress, by whoever has the role. */
import { useState } from "preact/hooks";
import { beginFetch, cancelFetch, type ListedModel, Refusal } from "../api.js";
import { NeedsRole } from "../components/needs-role.js";
import { Problem } from "../components/problem.js";
import { megabytes } from "../format.js";
import { poll } from "../poll.js";
import { announcement, service } from "../state.js";

type Progress = NonNullable<ListedModel["fetch"]>;

export function Fetch({ model: { id, fetch: now } }: { readonly model: ListedModel }) {
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const mayNot = service.value !== null && !["models", "admin"].includes(service.value.role);
  const isUnknown = refusal?.code === "forbidden" && refusal.message.includes("SHA-256");
  const act = async (call: () => Promise<void>, said: string) => {
    setRefusal(null);
    try {
      await call();
      announcement.value = said;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      setRefusal(error);
    }
    await poll();
  };
  const begin = (trust: boolean) => void act(() => beginFetch(id, trust), `${id} is being fetched.`);
  if (now !== null && now.problem === null) {
    return (
      <div id="fetching" class="progress">
        <label for="fetch-progress">{inWords(now)}</label>
        <progress id="fetch-progress" max={1} value={shareOf(now)} />
        <button id="stop-fetch" type="button" onClick={() => void act(() => cancelFetch(id), "Stopped.")}>
          Stop
        </button>
      </div>
    );
  }
  return (
    <section class="fetch" aria-labelledby="fetch-title">
      <h2 id="fetch-title">Its files are not on this server</h2>
      <p>
        The service fetches them from where its operator's list says, and checks them before it uses them. On its
        machine <code>npx menagerie pull {id}</code> does the same.
      </p>
      {mayNot && <NeedsRole />}
      {now !== null && <p class="wrong">{now.problem}</p>}
      {refusal !== null && <Problem refusal={refusal} />}
      <p class="actions">
        <button id="fetch" type="button" class="primary" disabled={mayNot} onClick={() => begin(false)}>
          {now === null ? "Fetch it" : "Try again"}
        </button>
        {isUnknown && (
          <button id="trust" type="button" onClick={() => begin(true)}>
            Take it as it comes, and record its SHA-256
          </button>
        )}
      </p>
    </section>
  );
}

function shareOf({ received_bytes, total_bytes }: Progress): number | undefined {
  return total_bytes === null ? undefined : received_bytes / total_bytes;
}

function inWords(now: Progress): string {
  if (now.received_bytes === 0) return "Waiting for its files";
  if (now.received_bytes === now.total_bytes) return "All of it is here and is being checked";
  const of = now.total_bytes === null ? "" : ` of ${megabytes(now.total_bytes)}`;
  return `Fetching: ${megabytes(now.received_bytes)}${of}`;
}
