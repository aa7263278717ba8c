/**
 * Sends the form. XMLHttpRequest and not fetch, because it alone reports how much of an upload has left.
 */
import { Refusal, type Result, readProblem, readResult } from "./reply.js";

export interface Upload {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

/** Resolves with the answer; rejects with a {@link Refusal}, or with the signal's reason when it was aborted. */
export function send(form: FormData, onUpload: (upload: Upload) => void, signal: AbortSignal): Promise<Result> {
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
      const result = request.status === 200 ? readResult(request.response) : null;
      if (result) {
        resolve(result);
      } else {
        reject(refusal(request));
      }
    });
    request.open("POST", "infer");
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
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
