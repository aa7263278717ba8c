/**
 * Shows an answer: the sentence, the best classes with bars, the photo as the model saw it, and where the time went.
 */
import { find, make } from "./elements.js";
import type { Result } from "./reply.js";

/** Fills the section and answers the sentence as plain text. */
export function showAnswer(result: Result): string {
  const sentence = find("sentence", HTMLElement);
  sentence.replaceChildren("Detected ", make("b", result.label), " with ", make("u", result.band), " confidence.");
  find("top", HTMLOListElement).replaceChildren(...result.top.map(topEntry));
  find("independent", HTMLElement).hidden = !result.independent;
  showSeen(result);
  showTimings(result);
  return sentence.textContent ?? "";
}

function topEntry({ label, probability }: Result["top"][number]): HTMLLIElement {
  const item = document.createElement("li");
  const bar = make("span", "", "bar");
  const filled = make("span", "");
  filled.style.width = `${100 * probability}%`;
  bar.append(filled);
  const share = make("data", percent(probability));
  share.value = String(probability);
  item.append(make("span", label, "name"), share, bar);
  return item;
}

function showSeen({ input, image, model }: Result): void {
  const seen = find("seen", HTMLImageElement);
  seen.hidden = !input.picture;
  if (input.picture) {
    seen.src = input.picture;
    seen.alt = `The photo at ${input.width} by ${input.height} pixels`;
  }
  const size = `${input.width}\u00a0×\u00a0${input.height}`;
  find("seen-caption", HTMLElement).textContent =
    `What ${model.id} saw: ${size} pixels, made from ${image.width}\u00a0×\u00a0${image.height} (${image.format}).`;
}

function showTimings({ timings_ms: times }: Result): void {
  const rows: [string, number][] = [
    ["Decode", times.decode],
    ["Resize", times.resize],
    ["Wait", times.queue],
    ["Model", times.run],
    ["Total", times.total],
  ];
  find("timings", HTMLElement).replaceChildren(
    ...rows.map(([name, milliseconds]) => {
      const row = document.createElement("div");
      row.append(make("dt", name), make("dd", `${milliseconds.toFixed(1)} ms`));
      return row;
    }),
  );
}

/** 0.934 as `93.4 %`; what is above zero never reads as nothing. */
function percent(probability: number): string {
  return probability > 0 && probability < 0.0005 ? "< 0.1 %" : `${(100 * probability).toFixed(1)} %`;
}
