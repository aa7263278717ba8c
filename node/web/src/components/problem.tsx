/** Why there is no answer, and what to do about it. */
import type { ErrorCode } from "../../../src/generated/contract.js";
import type { Refusal } from "../api.js";
import { isReachable } from "../state.js";

/** What the page adds to the service's own sentence. */
interface Help {
  readonly title: string;
  readonly advice?: string;
  readonly retry?: boolean;
}

const OTHER_IMAGE = "Choose another photo, or save this one again as JPEG or PNG.";

const HELP: Partial<Record<ErrorCode | "unreachable", Help>> = {
  field_invalid: { title: "Something in the form does not fit" },
  unauthorized: { title: "This service wants an API key", advice: "Enter the key, and it is asked again." },
  forbidden: {
    title: "This may not be done here",
    advice: "Enter an API key of a higher role, or ask the operator for one.",
    retry: true,
  },
  image_missing: { title: "There is no photo yet", advice: "Choose a photo first, or click one of the samples." },
  image_unsupported: { title: "This is not a photo the service can read", advice: OTHER_IMAGE },
  image_undecodable: { title: "This photo is damaged", advice: OTHER_IMAGE },
  image_too_large: { title: "This photo has too many pixels", advice: "Make it smaller and choose it again." },
  upload_too_large: {
    title: "The upload is too large",
    advice: "Choose smaller files, or ask the operator to raise the limit.",
  },
  labels_missing: {
    title: "The labels are missing",
    advice: "Choose the label file, or leave the label offset out.",
  },
  labels_invalid: { title: "The labels cannot be read", advice: "Choose a text file with one name a line." },
  labels_mismatch: {
    title: "Labels and graph do not fit",
    advice: "Choose the label file that belongs to the graph.",
  },
  graph_invalid: { title: "The graph cannot be used", advice: "Choose a frozen TensorFlow graph (.pb)." },
  graph_op_forbidden: {
    title: "The graph does something it may not",
    advice: "Freeze the model for inference alone, without reading files or running code.",
  },
  graph_ambiguous: {
    title: "The graph leaves it open where it starts or ends",
    advice: "Name the input and the output under the settings of your model.",
  },
  graph_too_large: { title: "The graph is too large", advice: "Choose a smaller one, or ask the operator." },
  model_unknown: { title: "This model is gone", advice: "Choose another model." },
  job_unknown: { title: "This training is gone", advice: "Train again: the photos are here still." },
  job_busy: { title: "The training is not at that point", retry: true },
  model_exists: { title: "This name is taken", advice: "Choose another name or version." },
  storage_full: {
    title: "The service has no room for it",
    advice: "Remove a model or a training first, or ask the operator.",
  },
  url_forbidden: { title: "This address may not be fetched", advice: "Save the photo and choose the file." },
  url_unreachable: { title: "There is no photo at this address", advice: "Save the photo and choose the file." },
  rate_limited: { title: "Too many photos at once", retry: true },
  overloaded: { title: "The service is full", retry: true },
  engine_failed: { title: "The engine failed", retry: true },
  engine_unavailable: { title: "The engine is not running", retry: true },
  engine_timeout: { title: "The engine took too long", retry: true },
  internal: { title: "Something broke in the service", retry: true },
  unreachable: { title: "The service did not answer", retry: true },
};

export function problemTitle({ code, about }: Refusal): string {
  return HELP[code]?.title ?? about.title ?? "This did not work";
}

interface Props {
  readonly refusal: Refusal;
  readonly retry?: () => void;
}

export function Problem({ refusal, retry }: Props) {
  const help = HELP[refusal.code];
  const isGone = refusal.code === "unreachable" && !isReachable.value;
  const what = isGone ? "The page tries again by itself as soon as it is back." : (help?.advice ?? "");
  const { requestId } = refusal.about;
  return (
    <section id="problem" class="problem" aria-labelledby="problem-title">
      <h2 id="problem-title">{problemTitle(refusal)}</h2>
      <p id="problem-detail">{refusal.message}</p>
      {what !== "" && <p id="problem-advice">{what}</p>}
      <p class="small">
        <code id="problem-code">{refusal.code}</code>
        {requestId !== undefined && ` in request ${requestId}`}
      </p>
      {retry && help?.retry && (
        <button id="retry" type="button" onClick={retry}>
          Try again
        </button>
      )}
    </section>
  );
}
