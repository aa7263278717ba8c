/** What terminals obey, and overrides of the writing direction; white space is shown as such. */
const CONTROLS = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;

/** Text of one line in which every character is one to read. */
export function printable(text: string): string {
  return text.replace(CONTROLS, (character) => (/\s/.test(character) ? " " : "\ufffd"));
}

/** The same characters as ranges, for JSON Schemas, whose readers know no classes. */
const NOT_READ = "\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069";

/** Text of one line with something to read in it, and nothing else. */
export const PRINTABLE_LINE = new RegExp(`^[^${NOT_READ}]*[^\\s${NOT_READ}][^${NOT_READ}]*$`);
