/** The answer in the form that the client asked for: JSON, the sentence, a page with it, or plain text. */
import type { Response } from "express";
import type { AppError, Problem } from "../errors.js";
import { type Html, html } from "../front/html.js";
import type { Form } from "../front/negotiate.js";
import { page } from "../front/page.js";
import { requestIdOf } from "../front/request-id.js";
import type { Answer } from "../generated/contract.js";
import type { ModelIdentity } from "../ports.js";
import { printable } from "../printable.js";

/** An image with its answer. */
export type AnsweredItem = Omit<Answer, "image"> & {
  readonly image: Answer["image"] & { readonly name: string };
  readonly model: ModelIdentity;
};

/** An image that failed among others; `cause` stays in this process. */
export interface FailedItem {
  readonly image: { readonly name: string };
  readonly model: { readonly id: string };
  readonly error: Problem;
  readonly cause: AppError;
}

export type InferItem = AnsweredItem | FailedItem;

export function sendAnswer(response: Response, form: Form, items: readonly InferItem[]): void {
  switch (form) {
    case "json":
      response.json({ request_id: requestIdOf(response), results: items.map(toJson) });
      break;
    case "html":
      response.type("html").send(`${items.map((item) => sentence(item).markup).join("\n")}\n`);
      break;
    case "page":
      response.type("html").send(page("Answer", html`${items.map(section)}`));
      break;
    case "text":
      response.type("text").send(`${items.map(plainSentence).join("\n")}\n`);
      break;
  }
}

/** The fields in the order of the contract. */
function toJson(item: InferItem): object {
  const { image, model, ...rest } = item;
  if ("error" in item) return { image, model, error: item.error };
  return { image, model, ...rest };
}

function sentence(item: InferItem): Html {
  if ("error" in item) return html`Failed: ${item.error.detail}`;
  return html`Detected <b>${item.label}</b> with <u>${item.band}</u> confidence.`;
}

function plainSentence(item: InferItem): string {
  if ("error" in item) return `Failed: ${printable(item.error.detail)}`;
  return `Detected ${printable(item.label)} with ${item.band} confidence.`;
}

function section(item: InferItem): Html {
  const heading = html`<h2>${item.image.name}</h2><p>${sentence(item)}</p>`;
  if ("error" in item) return html`<section>${heading}</section>`;
  const rows = item.top.map(
    ({ label, probability }) =>
      html`<li>${label} <meter value="${probability}" max="1"></meter> ${(100 * probability).toFixed(1)} %</li>`,
  );
  const { picture, width, height } = item.input;
  const seen =
    picture === undefined
      ? html``
      : html`<img src="${picture}" width="${width}" height="${height}" alt="The photo as the model saw it">`;
  return html`<section>${heading}<ol>${rows}</ol>${seen}</section>`;
}
