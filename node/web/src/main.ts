/**
 * The page: makes the form answer in place. Without this script the same form posts to the same address.
 */
import { showAnswer } from "./answer.js";
import { find } from "./elements.js";
import { watchKey } from "./key.js";
import { readGraphHere } from "./local-graph.js";
import { offerModels, showPrecedence } from "./models.js";
import { forgetKept, isQuick, nameKept, ownGraph, rememberKept, watchOwnModel } from "./own-model.js";
import { watchPhoto } from "./photo.js";
import { clearProblem, showProblem } from "./problem.js";
import { showUpload, startProgress, stopProgress } from "./progress.js";
import { showReading } from "./reading.js";
import { Refusal, type Result, readResult, readSpec } from "./reply.js";
import { send } from "./send.js";

/** Height of the sentence and the first bar. */
const REPLY_HEAD_PIXELS = 160;

const question = find("question", HTMLFormElement);
const image = find("image", HTMLInputElement);
const reply = find("reply", HTMLElement);
const answer = find("answer", HTMLElement);
const problem = find("problem", HTMLElement);
const reading = find("reading", HTMLElement);
const status = find("status", HTMLElement);
let current: AbortController | null = null;

/** Asks what is in the photo. */
function ask(): Promise<void> {
  return work(answer, async (signal) => showAnswer(await sendQuestion(signal)));
}

/** Shows how the chosen graph is read: here, before anything is sent, unless the service has to apply settings to it. */
function inspect(): Promise<void> {
  return work(reading, async (signal) => {
    const form = readForm();
    form.delete("image_file");
    const here = await readGraphHere(form, signal);
    if (here !== null) {
      return showReading(here);
    }
    const spec = await send({ address: "api/models/inspect", form, read: readSpec }, showUpload, signal);
    rememberKept(spec.graph.sha256);
    return showReading(spec);
  });
}

/** Does one thing at a time: what is still under way is dropped. `act` fills `section` and answers it as a sentence. */
async function work(section: HTMLElement, act: (signal: AbortSignal) => Promise<string>): Promise<void> {
  current?.abort();
  const mine = new AbortController();
  current = mine;
  clearProblem();
  problem.hidden = true;
  reply.setAttribute("aria-busy", "true");
  startProgress(() => {
    showOnly(null);
    status.textContent = "Working.";
  });
  try {
    status.textContent = await act(mine.signal);
    showOnly(section);
  } catch (error) {
    if (mine.signal.aborted) {
      return;
    }
    if (!(error instanceof Refusal)) {
      throw error;
    }
    status.textContent = `${showProblem(error, () => void work(section, act))}. ${error.message}`;
    showOnly(problem);
  } finally {
    if (current === mine) {
      stopProgress();
      reply.removeAttribute("aria-busy");
    }
  }
}

/** Sends the form; the graph goes along when the service does not have it, or has it no more. */
async function sendQuestion(signal: AbortSignal): Promise<Result> {
  try {
    const form = readForm();
    nameKept(form);
    const result = await send({ address: "infer", form, read: readResult }, showUpload, signal);
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
  return form;
}

/** Shows one part of the reply, or none, and brings it into view. */
function showOnly(section: HTMLElement | null): void {
  for (const part of [answer, problem, reading]) {
    part.hidden = part !== section;
  }
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
find("inspect", HTMLButtonElement).addEventListener("click", () => void inspect());
find("cancel", HTMLButtonElement).addEventListener("click", () => {
  current?.abort();
  stopProgress();
  reply.hidden = answer.hidden && reading.hidden;
  reply.removeAttribute("aria-busy");
  status.textContent = "Cancelled.";
  find("submit", HTMLButtonElement).focus();
});
watchPhoto(askIfReady);
watchOwnModel(showPrecedence, askIfReady);
watchKey(() => {
  void offerModels(askIfReady);
  askIfReady();
});
void offerModels(askIfReady);
