/** Something that is asked of the service once it is opened. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refusal } from "../api.js";
import { Problem } from "./problem.js";

interface Props<T> {
  readonly id: string;
  readonly summary: string;
  readonly load: (signal: AbortSignal) => Promise<T>;
  readonly show: (loaded: T) => ComponentChildren;
}

export function Later<T extends object>({ id, summary, load, show }: Props<T>) {
  const [loaded, setLoaded] = useState<T | Refusal | null>(null);
  const [isOpen, open] = useState(false);
  useEffect(() => {
    if (!isOpen || loaded !== null) return;
    const given = new AbortController();
    load(given.signal)
      .then((now) => setLoaded(() => now))
      .catch((error: unknown) => {
        if (given.signal.aborted) return;
        if (!(error instanceof Refusal)) throw error;
        setLoaded(error);
      });
    return () => given.abort();
  }, [isOpen, loaded]);
  return (
    <details id={id} onToggle={({ currentTarget }) => open(currentTarget.open)}>
      <summary>{summary}</summary>
      {loaded === null && <p>Loading …</p>}
      {loaded instanceof Refusal && <Problem refusal={loaded} retry={() => setLoaded(null)} />}
      {loaded !== null && !(loaded instanceof Refusal) && show(loaded)}
    </details>
  );
}
