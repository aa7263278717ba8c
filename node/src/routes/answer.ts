/** The answer in the form that the client asked for: JSON, the sentence, a page with it, or plain text. */

import type { Response } from "express";
import type { AnsweredItem, Item } from "../classify.js";
import { counted } from "../counted.js";
import type { SendBytes } from "../front/answers.js";
import { type Html, html } from "../front/html.js";
import type { Form } from "../front/negotiate.js";
import { page } from "../front/page.js";
import { requestIdOf } from "../front/request-id.js";
import type { Pieces } from "../ports.js";
import { printable } from "../printable.js";
import { jsonInTurns } from "./json-in-turns.js";

export async function sendAnswer(
  sendBytes: SendBytes,
  response: Response,
  form: Form,
  items: readonly Item[],
  isDegraded = false,
): Promise<void> {
  response.type(form === "page" ? "html" : form);
  const body = form === "json" ? await jsonOf(items, requestIdOf(response), isDegraded) : textOf(form, items, response);
  await sendBytes(response, body);
}

function jsonOf(items: readonly Item[], requestId: string, isDegraded: boolean): Promise<string | Pieces> {
  const facts = { request_id: requestId, ...(isDegraded ? { degraded: true } : {}) };
  const results = items.map((item) => toJson(item, requestId));
  return jsonInTurns(facts, "results", results);
}

function textOf(form: Exclude<Form, "json">, items: readonly Item[], response: Response): string {
  switch (form) {
    case "html":
      return `${items.map((item) => sentence(item).markup).join("\n")}\n`;
    case "page":
      return page(response.req, "Answer", html`${items.map(section)}`);
    case "text":
      return `${items.map(plainSentence).join("\n")}\n`;
  }
}

/** The fields in the order of the contract. */
function toJson({ image, model, ...rest }: Item, requestId: string): object {
  return "error" in rest ? { image, model, error: rest.error.problem(requestId) } : { image, model, ...rest };
}

function sentence(item: Item): Html {
  if ("error" in item) return html`Failed: ${item.error.message}`;
  return html`Detected <b>${item.label}</b> with <u>${item.band}</u> confidence.${doubt(item)}`;
}

function plainSentence(item: Item): string {
  if ("error" in item) return `Failed: ${printable(item.error.message)}`;
  return `Detected ${printable(item.label)} with ${item.band} confidence.${doubt(item)}`;
}

/** What follows the sentence of an unsure answer. */
function doubt({ unsure, band_accuracy }: AnsweredItem): string {
  if (unsure !== true || band_accuracy === undefined) return "";
  return ` Unsure: answers like this were right ${band_accuracy.right} of ${counted(band_accuracy.n, "time")}.`;
}

function section(item: Item): Html {
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
  const warnings = (item.warnings ?? []).map((warning) => html`<li>${warning}</li>`);
  const notes = warnings.length === 0 ? html`` : html`<ul class="warnings">${warnings}</ul>`;
  return html`<section>${heading}${notes}<ol>${rows}</ol>${seen}</section>`;
}
