/** What this service is, now: its state, its limits, its keys, and how it is asked by programs. */
import { useEffect, useState } from "preact/hooks";
import { type Readiness, Refusal, readReadiness } from "../api.js";
import { Commands } from "../components/commands.js";
import { Facts } from "../components/facts.js";
import { KeyField } from "../components/key-field.js";
import { Problem } from "../components/problem.js";
import { isReachable, service } from "../state.js";
import { Calls } from "./calls.js";
import { Limits } from "./limits.js";

const EVERY_MS = 5000;

export function About() {
  const [state, setState] = useState<Readiness | Refusal | null>(null);
  const isBack = isReachable.value;
  // A service that is back is asked at once.
  useEffect(() => {
    const ask = () =>
      readReadiness().then(setState, (error: unknown) => {
        if (!(error instanceof Refusal)) throw error;
        setState(error);
      });
    void ask();
    const timer = setInterval(() => void ask(), EVERY_MS);
    return () => clearInterval(timer);
  }, [isBack]);
  return (
    <>
      <h1>About this service</h1>
      <p>
        Photos and models go to this server and nowhere else. A graph of yours is read in the browser before it is sent,
        and runs on the server in a process of its own.
      </p>
      {state === null || (isBack && service.value === null) ? <p>Loading …</p> : <Told state={state} />}
    </>
  );
}

/** Everything at once, so that nothing moves what is read already. */
function Told({ state }: { readonly state: Readiness | Refusal }) {
  return (
    <>
      <section aria-labelledby="state-title">
        <h2 id="state-title">State</h2>
        {state instanceof Refusal && <Problem refusal={state} />}
        {!(state instanceof Refusal) && <State now={state} />}
      </section>
      <section aria-labelledby="keys-title">
        <h2 id="keys-title">Keys</h2>
        <KeyField />
        <Keys />
      </section>
      <Limits />
      <Calls />
      <section aria-labelledby="more-title">
        <h2 id="more-title">For programs</h2>
        <p>
          Everything that the service answers is described in <a href="openapi.json">openapi.json</a> (OpenAPI 3.1), to
          be read and tried at <a href="docs">docs</a>.
        </p>
        <Commands request={{ method: "GET", path: "openapi.json" }} />
      </section>
    </>
  );
}

function State({ now }: { readonly now: Readiness }) {
  const { engine } = now;
  const { runtime } = engine;
  return (
    <>
      <p class="tags">
        <span class={now.ready ? "tag available" : "tag failed"}>{now.ready ? "ready" : "not ready"}</span>
      </p>
      {now.reason !== null && <p class="wrong">{now.reason}</p>}
      <Facts
        rows={[
          ["Version", service.value?.version ?? "not stated"],
          ["Default model", now.default_model ?? "none"],
          ["Models in memory", String(now.models_loaded)],
          ["Engine", `${engine.kind}, ${runtime === null ? "not started" : `${runtime.name} ${runtime.version}`}`],
          ["A model's process is confined by", engine.sandbox?.held.join(", ") || "nothing"],
          ...(engine.sandbox && engine.sandbox.missing.length > 0
            ? [["This system does not offer", engine.sandbox.missing.join("; ")] as const]
            : []),
        ]}
      />
    </>
  );
}

const MAY: Readonly<Record<string, string>> = {
  none: "nothing: this service wants an API key",
  infer: "classify photos, and look at models",
  models: "classify photos, and register and remove models",
  admin: "everything",
};

function Keys() {
  const told = service.value;
  if (told === null) return <p class="small">Not told yet.</p>;
  return (
    <p>
      {told.keys ? "This service has API keys." : "This service has no API keys."} You may do: {MAY[told.role]}.
    </p>
  );
}
