/** What terminals obey, and overrides of the writing direction; white space is shown as such. */
const CONTROLS = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;

/** Text of one line in which every character is one to read. */
export function printable(text: string): string {
  return text.replace(CONTROLS, (character) => (/\s/.test(character) ? " " : "\ufffd"));
}
