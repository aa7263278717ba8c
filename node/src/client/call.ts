/** One call of the service: its address, key, deadline and tries. */
import { errorOf, MenagerieError } from "./error.js";
import { timerOf } from "./pause.js";
import { JSON_TEXT, type Reading, typeOf } from "./reading.js";
import { withRetries } from "./retry.js";

export const TIMEOUT_MS = 120_000;

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
  /** GET, and POST where something is sent. */
  readonly method?: "POST" | "PUT" | "DELETE";
  readonly form?: FormData;
  /** Sent as JSON, in place of a form. */
  readonly message?: object;
  /** Sent as it is, in place of a form. */
  readonly file?: Blob;
  /** Statuses of answers; 200. */
  readonly statuses?: readonly number[];
  /** How an answer is read; JSON. */
  readonly reading?: Reading;
  /** Whether the call changes something at the service, and is not made again where its answer was lost. */
  readonly changes?: boolean;
  /** Whether it is tried for as long as it may take, however often, and however long the service asks to wait. */
  readonly isPatient?: boolean;
}

/** `url` is the service's, with the path below which a proxy has it. @throws TypeError for what is no address. */
export function openCall(
  url: string | URL,
  { key, timeoutMs: usualMs = TIMEOUT_MS, retriesMax = 3, waitMsMax = 30_000 }: ClientOptions,
): Call {
  const base = new URL(`${String(url).replace(/\/+$/, "")}/`);
  if (!/^https?:$/.test(base.protocol)) {
    throw new TypeError(`${url} is no address of a service; write one such as http://localhost:8080.`);
  }
  const ownHeaders = key === undefined || key === "" ? {} : { authorization: `Bearer ${key}` };
  return async <T>(path: string, options: CallOptions, asking: Asked = {}) => {
    const { query = {}, statuses = [200], reading = JSON_TEXT, changes = false, isPatient = false } = asking;
    const { signal: asked, timeoutMs = usualMs } = options;
    // What is read after the call, such as events, may take longer.
    const timeout = new AbortController();
    const timer = timerOf(timeoutMs, () => timeout.abort());
    const signal = asked === undefined ? timeout.signal : AbortSignal.any([asked, timeout.signal]);
    const init = { ...sent(asking, { accept: reading.accept, ...ownHeaders }), signal };
    const address = new URL(path, base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) address.searchParams.set(name, String(value));
    }
    const patience = {
      isRepeatable: !changes,
      retriesMax: isPatient ? Number.POSITIVE_INFINITY : retriesMax,
      waitMsMax,
      askedMsMax: isPatient ? Number.POSITIVE_INFINITY : waitMsMax,
      deadlineMs: performance.now() + timeoutMs,
    };
    const attempt = () => ask(address, init, statuses, reading);
    try {
      return (await withRetries(attempt, patience, signal)) as T;
    } catch (error) {
      asked?.throwIfAborted();
      if (!timeout.signal.aborted || error instanceof MenagerieError) throw error;
      throw new MenagerieError("timed_out", `No answer came within ${timeoutMs} ms.`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };
}

function sent({ method, form, message, file }: Asked, headers: Readonly<Record<string, string>>) {
  const typed = (type: string) => ({ ...headers, "content-type": type });
  if (form !== undefined) return { method: "POST", headers, body: form };
  if (message !== undefined)
    return { method: "POST", headers: typed("application/json"), body: JSON.stringify(message) };
  // The service tells what it is by its bytes.
  if (file !== undefined) return { method: method ?? "POST", headers: typed("application/octet-stream"), body: file };
  return { method: method ?? "GET", headers };
}

async function ask(
  url: URL,
  init: RequestInit & { signal: AbortSignal },
  statuses: readonly number[],
  reading: Reading,
) {
  let response: Response;
  let body: unknown;
  let isAnswer = false;
  try {
    response = await fetch(url, init);
    isAnswer = statuses.includes(response.status) && !/^application\/problem/.test(typeOf(response));
    body = await (isAnswer ? reading : JSON_TEXT).read(response);
  } catch (error) {
    init.signal.throwIfAborted();
    const { cause } = error as { cause?: unknown };
    const why = cause instanceof Error ? ` (${cause.message})` : "";
    throw new MenagerieError("unreachable", `No service answers at ${url.origin}${why}.`, { cause: error });
  }
  if (!isAnswer || body === null) throw errorOf(response, body);
  return body;
}
