/**
 * The page: makes the form answer in place. Without this script the same form posts to the same address.
 */
import { showAnswer } from "./answer.js";
import { find } from "./elements.js";
import { offerModels, showPrecedence } from "./models.js";
import { forgetKept, isQuick, nameKept, ownGraph, rememberKept, watchOwnModel } from "./own-model.js";
import { watchPhoto } from "./photo.js";
import { clearProblem, showProblem } from "./problem.js";
import { showUpload, startProgress, stopProgress } from "./progress.js";
import { Refusal, type Result } from "./reply.js";
import { send } from "./send.js";

/** Height of the sentence and the first bar. */
const REPLY_HEAD_PIXELS = 160;

const question = find("question", HTMLFormElement);
const image = find("image", HTMLInputElement);
const reply = find("reply", HTMLElement);
const answer = find("answer", HTMLElement);
const problem = find("problem", HTMLElement);
const status = find("status", HTMLElement);
let current: AbortController | null = null;

/** Asks once; a question that is still open is dropped. */
async function ask(): Promise<void> {
  current?.abort();
  const asked = new AbortController();
  current = asked;
  clearProblem();
  problem.hidden = true;
  reply.setAttribute("aria-busy", "true");
  startProgress(() => {
    answer.hidden = true;
    reply.hidden = false;
    status.textContent = "Working.";
    bringIntoView();
  });
  try {
    const result = await sendQuestion(asked.signal);
    status.textContent = showAnswer(result);
    show(answer);
  } catch (error) {
    if (asked.signal.aborted) {
      return;
    }
    if (!(error instanceof Refusal)) {
      throw error;
    }
    status.textContent = `${showProblem(error)}. ${error.message}`;
    show(problem);
  } finally {
    if (current === asked) {
      stopProgress();
      reply.removeAttribute("aria-busy");
    }
  }
}

/** Sends the form; the graph goes along when the service does not have it, or has it no more. */
async function sendQuestion(signal: AbortSignal): Promise<Result> {
  try {
    const result = await send(readForm(), showUpload, signal);
    if (ownGraph() !== null) {
      rememberKept(result.model.sha256);
    }
    return result;
  } catch (error) {
    if (error instanceof Refusal && error.code === "model_unknown" && ownGraph() !== null && isQuick()) {
      forgetKept();
      return await sendQuestion(signal);
    }
    throw error;
  }
}

/** The form's fields that say something. */
function readForm(): FormData {
  const form = new FormData(question);
  for (const [name, value] of [...form]) {
    if (value instanceof File ? value.name === "" : value === "") {
      form.delete(name);
    }
  }
  nameKept(form);
  return form;
}

function show(section: HTMLElement): void {
  answer.hidden = section !== answer;
  problem.hidden = section !== problem;
  reply.hidden = false;
  bringIntoView();
}

/** Scrolls to the reply unless its head is in view. */
function bringIntoView(): void {
  const { top } = reply.getBoundingClientRect();
  if (top < 0 || top > innerHeight - REPLY_HEAD_PIXELS) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    reply.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
  }
}

/** A photo is sent as soon as it is there, unless a graph has to go with it, which may be large: that waits for the button. */
function askIfReady(): void {
  if (image.files?.length && isQuick()) {
    void ask();
  }
}

question.addEventListener("submit", (event) => {
  event.preventDefault();
  void ask();
});
find("retry", HTMLButtonElement).addEventListener("click", () => void ask());
find("cancel", HTMLButtonElement).addEventListener("click", () => {
  current?.abort();
  stopProgress();
  reply.hidden = answer.hidden;
  reply.removeAttribute("aria-busy");
  status.textContent = "Cancelled.";
  find("submit", HTMLButtonElement).focus();
});
watchPhoto(askIfReady);
watchOwnModel(showPrecedence, askIfReady);
void offerModels(askIfReady);
