/**
 * Sends the form. XMLHttpRequest and not fetch, because it alone reports how much of an upload has left.
 */
import { keyHeaders } from "./key.js";
import { Refusal, readProblem } from "./reply.js";

export interface Upload {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

export interface Question<T> {
  readonly address: string;
  readonly form: FormData;
  /** What the body of status 200 says, or `null` when it is something else. */
  readonly read: (body: unknown) => T | null;
}

/** Resolves with the answer; rejects with a {@link Refusal}, or with the signal's reason when it was aborted. */
export function send<T>(
  { address, form, read }: Question<T>,
  onUpload: (upload: Upload) => void,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let uploaded = false;
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.upload.addEventListener("progress", ({ loaded, total }) =>
      onUpload({ loadedBytes: loaded, totalBytes: total }),
    );
    request.upload.addEventListener("load", () => {
      uploaded = true;
    });
    request.addEventListener("abort", () => reject(signal.reason));
    request.addEventListener("error", () => reject(unreachable(uploaded)));
    request.addEventListener("load", () => {
      const answer = request.status === 200 ? read(request.response) : null;
      if (answer !== null) {
        resolve(answer);
      } else {
        reject(refusal(request));
      }
    });
    request.open("POST", address);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(keyHeaders())) {
      request.setRequestHeader(name, value);
    }
    request.send(form);
  });
}

function unreachable(uploaded: boolean): Refusal {
  const detail = uploaded
    ? "The connection closed before the answer came."
    : "The connection closed while the files were on their way. The service may be down, or a file larger than it accepts.";
  return new Refusal("unreachable", "No answer", detail, null, null);
}

function refusal(request: XMLHttpRequest): Refusal {
  const problem = readProblem(request.response);
  const retryAfterSeconds = Number.parseInt(request.getResponseHeader("Retry-After") ?? "", 10);
  const wait = Number.isNaN(retryAfterSeconds) ? null : retryAfterSeconds;
  return problem
    ? new Refusal(problem.code, problem.title, problem.detail, problem.request_id ?? null, wait)
    : new Refusal(
        "unreachable",
        "No answer",
        `Something answered with status ${request.status} and no reason.`,
        null,
        wait,
      );
}
