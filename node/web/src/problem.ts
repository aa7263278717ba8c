/**
 * Shows why there is no answer, and what to do about it.
 */
import type { ErrorCode } from "../../src/generated/contract.js";
import { find } from "./elements.js";
import { askForKey } from "./key.js";
import type { Refusal } from "./reply.js";

/** What the page adds to the service's own sentence. `field` is the control that has to change. */
interface Help {
  readonly title: string;
  readonly advice?: string;
  readonly field?: "image" | "graph" | "labels" | "model" | "key";
  readonly retry?: boolean;
}

const OTHER_IMAGE = "Choose another photo, or save this one again as JPEG or PNG.";

const HELP: Partial<Record<ErrorCode | "unreachable", Help>> = {
  field_invalid: { title: "Something in the form does not fit" },
  unauthorized: {
    title: "This service wants an API key",
    advice: "Enter the key, and the photo is sent.",
    field: "key",
  },
  forbidden: { title: "This may not be done here" },
  image_missing: { title: "There is no photo yet", advice: "Choose a photo first.", field: "image" },
  image_unsupported: { title: "This is not a photo the service can read", advice: OTHER_IMAGE, field: "image" },
  image_undecodable: { title: "This photo is damaged", advice: OTHER_IMAGE, field: "image" },
  image_too_large: {
    title: "This photo has too many pixels",
    advice: "Make it smaller and choose it again.",
    field: "image",
  },
  upload_too_large: {
    title: "The upload is too large",
    advice: "Choose smaller files, or ask the operator to raise the limit.",
  },
  labels_missing: {
    title: "The labels are missing",
    advice: "Choose the label file, or leave the label offset out.",
    field: "labels",
  },
  labels_invalid: {
    title: "The labels cannot be read",
    advice: "Choose a text file with one name a line.",
    field: "labels",
  },
  labels_mismatch: {
    title: "Labels and graph do not fit",
    advice: "Choose the label file that belongs to the graph.",
    field: "labels",
  },
  graph_invalid: {
    title: "The graph cannot be used",
    advice: "Choose a frozen TensorFlow graph (.pb).",
    field: "graph",
  },
  graph_op_forbidden: { title: "The graph does something it may not", field: "graph" },
  graph_ambiguous: {
    title: "The graph leaves it open where it starts or ends",
    advice: "Name the input and the output under the settings of your model.",
    field: "graph",
  },
  graph_too_large: { title: "The graph is too large", field: "graph" },
  model_unknown: { title: "This model is gone", advice: "Choose another model.", field: "model" },
  rate_limited: { title: "Too many photos at once", retry: true },
  overloaded: { title: "The service is busy", retry: true },
  engine_failed: { title: "The engine failed", retry: true },
  engine_unavailable: { title: "The engine is not running", retry: true },
  engine_timeout: { title: "The engine took too long", retry: true },
  internal: { title: "Something broke in the service", retry: true },
  unreachable: { title: "The service did not answer", retry: true },
};

/** Fills the section, marks the field to blame, and answers the title. `retry` does the same again. */
export function showProblem(refusal: Refusal, retry: () => void): string {
  const help = HELP[refusal.code] ?? { title: refusal.title };
  const advice = [help.advice ?? "", help.retry ? retryAdvice(refusal.retryAfterSeconds) : ""]
    .filter(Boolean)
    .join(" ");
  find("problem-title", HTMLElement).textContent = help.title;
  find("problem-detail", HTMLElement).textContent = refusal.message;
  find("problem-advice", HTMLElement).textContent = advice;
  find("problem-code", HTMLElement).textContent = refusal.code;
  find("problem-request", HTMLElement).textContent = refusal.requestId ? ` in request ${refusal.requestId}` : "";
  const button = find("retry", HTMLButtonElement);
  button.hidden = !help.retry;
  button.onclick = retry;
  if (refusal.code === "unauthorized") {
    askForKey();
  }
  if (help.field) {
    const field = find(help.field, HTMLElement);
    field.setAttribute("aria-invalid", "true");
    field.closest("details")?.setAttribute("open", "");
  }
  return help.title;
}

/** Takes the marks off the fields. */
export function clearProblem(): void {
  for (const field of document.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
  }
}

function retryAdvice(seconds: number | null): string {
  return seconds === null ? "Try again in a moment." : `Try again in ${seconds} s.`;
}
