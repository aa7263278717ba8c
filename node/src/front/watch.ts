/** What one request comes to, for the observer and for its line of the log; every door has one for each. */
import type { Observer, Outcome, RequestFacts, RequestTrace, Stages, TraceHeaders, Watch } from "../ports.js";

export class RequestWatch implements Watch {
  readonly #observer: Observer;
  readonly #trace: RequestTrace;
  readonly #began = performance.now();
  readonly #outcomes: Outcome[] = [];

  /** `headers` are those that the request came with. */
  constructor(observer: Observer, headers: TraceHeaders) {
    this.#observer = observer;
    this.#trace = observer.begin(headers);
  }

  get traceHeaders(): Watch["traceHeaders"] {
    return this.#trace.headers;
  }

  answered(outcome: Outcome): void {
    this.#outcomes.push(outcome);
  }

  /** Tells the observer that it has ended, once, and gives what the log says of it. */
  end(facts: Pick<RequestFacts, "method" | "route" | "code" | "status">): object {
    const ms = performance.now() - this.#began;
    const outcomes = this.#outcomes;
    this.#observer.end(this.#trace, { ...facts, began: this.#began, ms, outcomes });
    const { id } = this.#trace;
    return {
      ...(id === null ? {} : { trace_id: id }),
      outcome: facts.code,
      ...(outcomes.length === 0 ? {} : answersOf(outcomes)),
      ms: rounded(ms),
    };
  }
}

/** The models that were asked, how many answers there are, and where their time went, together. */
function answersOf(outcomes: readonly Outcome[]): object {
  const sum = (stage: keyof Stages) =>
    rounded(outcomes.reduce((total, { stages }) => total + (stages?.[stage] ?? 0), 0));
  return {
    models: [...new Set(outcomes.map(({ modelId, model }) => modelId ?? model))],
    answers: outcomes.length,
    stages_ms: {
      decode: sum("decode"),
      resize: sum("resize"),
      queue: sum("queue"),
      run: sum("run"),
      interpret: sum("interpret"),
    },
  };
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
