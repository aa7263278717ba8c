/** HTML from text that is not ours: every value that enters a template is escaped. */

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** What terminals obey, and overrides of the writing direction; white space is shown as such. */
const CONTROLS = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;

/** Markup that is safe to send. */
export class Html {
  constructor(readonly markup: string) {}
}

/** Text of one line in which every character is one to read. */
export function printable(text: string): string {
  return text.replace(CONTROLS, (character) => (/\s/.test(character) ? " " : "\ufffd"));
}

export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

/** A template whose values are escaped, unless they are `Html` already; lists of `Html` are joined. */
export function html(strings: TemplateStringsArray, ...values: (string | number | Html | readonly Html[])[]): Html {
  const parts = strings.map((literal, index) => literal + render(values[index]));
  return new Html(parts.join(""));
}

function render(value: string | number | Html | readonly Html[] | undefined): string {
  if (value === undefined) return "";
  if (value instanceof Html) return value.markup;
  if (Array.isArray(value)) return value.map(render).join("");
  return escapeHtml(String(value));
}
