/**
 * The page: makes the form answer in place. Without this script the same form posts to the same address.
 */
import { showAnswer } from "./answer.js";
import { find } from "./elements.js";
import { hasOwnModel, offerModels, watchOwnModel } from "./models.js";
import { watchPhoto } from "./photo.js";
import { clearProblem, showProblem } from "./problem.js";
import { showUpload, startProgress, stopProgress } from "./progress.js";
import { Refusal } from "./reply.js";
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
    const result = await send(readForm(), showUpload, asked.signal);
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

/** The form's fields that say something. */
function readForm(): FormData {
  const form = new FormData(question);
  for (const [name, value] of [...form]) {
    if (value instanceof File ? value.name === "" : value === "") {
      form.delete(name);
    }
  }
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

/** A photo for a model of the zoo is sent as soon as it is there; an own model waits for the button, as it may be large. */
function askIfReady(): void {
  if (image.files?.length && !hasOwnModel()) {
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
watchOwnModel(askIfReady);
void offerModels(askIfReady);
