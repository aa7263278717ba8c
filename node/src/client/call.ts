/** One call of the service: its address, key, deadline and tries. */
import { errorOf, MenagerieError } from "./error.js";
import { withRetries } from "./retry.js";

export interface ClientOptions {
  /** API key, where the service wants one. */
  readonly key?: string;
  /** For a call with all its tries and waits, 120 s. */
  readonly timeoutMs?: number;
  /** Tries after the first one, 3. */
  readonly retriesMax?: number;
  /** The longest wait before another try, 30 s; where the service asks for more, the call fails instead. */
  readonly waitMsMax?: number;
}

/** What any call may be given. */
export interface CallOptions {
  /** Ends the call, which rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** In place of the client's. */
  readonly timeoutMs?: number;
}

export type Call = <T>(path: string, options: CallOptions, asked?: Asked) => Promise<T>;

interface Asked {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly form?: FormData;
  /** Sent as JSON, in place of a form. */
  readonly message?: object;
  /** Statuses of answers; 200. */
  readonly statuses?: readonly number[];
  /** Whether the call changes something at the service, and is not made again where its answer was lost. */
  readonly changes?: boolean;
}

/** `url` is the service's, with the path below which a proxy has it. @throws TypeError for what is no address. */
export function openCall(
  url: string | URL,
  { key, timeoutMs: usualMs = 120_000, retriesMax = 3, waitMsMax = 30_000 }: ClientOptions,
): Call {
  const base = new URL(`${String(url).replace(/\/+$/, "")}/`);
  if (!/^https?:$/.test(base.protocol)) {
    throw new TypeError(`${url} is no address of a service; write one such as http://localhost:8080.`);
  }
  const headers = {
    accept: "application/json",
    ...(key === undefined || key === "" ? {} : { authorization: `Bearer ${key}` }),
  };
  return async <T>(path: string, options: CallOptions, asking: Asked = {}) => {
    const { query = {}, form, message, statuses = [200], changes = false } = asking;
    const { signal: asked, timeoutMs = usualMs } = options;
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = asked === undefined ? timeout : AbortSignal.any([asked, timeout]);
    const init = {
      headers,
      signal,
      ...(form && { method: "POST", body: form }),
      ...(message && posted(message, headers)),
    };
    const address = new URL(path, base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) address.searchParams.set(name, String(value));
    }
    const patience = { isRepeatable: !changes, retriesMax, waitMsMax, deadlineMs: performance.now() + timeoutMs };
    const attempt = () => ask(address, init, statuses);
    try {
      return (await withRetries(attempt, patience, signal)) as T;
    } catch (error) {
      asked?.throwIfAborted();
      if (!timeout.aborted || error instanceof MenagerieError) throw error;
      throw new MenagerieError("timed_out", `No answer came within ${timeoutMs} ms.`, { cause: error });
    }
  };
}

function posted(message: object, headers: Readonly<Record<string, string>>) {
  const body = JSON.stringify(message);
  return { method: "POST", headers: { ...headers, "content-type": "application/json" }, body };
}

async function ask(url: URL, init: RequestInit & { signal: AbortSignal }, statuses: readonly number[]) {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, init);
    text = await response.text();
  } catch (error) {
    init.signal.throwIfAborted();
    const { cause } = error as { cause?: unknown };
    const why = cause instanceof Error ? ` (${cause.message})` : "";
    throw new MenagerieError("unreachable", `No service answers at ${url.origin}${why}.`, { cause: error });
  }
  const type = response.headers.get("content-type") ?? "";
  const body = /^application\/(problem\+)?json\b/.test(type) ? parsed(text) : null;
  if (body === null || type.startsWith("application/problem") || !statuses.includes(response.status)) {
    throw errorOf(response, body);
  }
  return body;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
