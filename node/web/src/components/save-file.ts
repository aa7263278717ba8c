/** Browsers read a file that is saved within this time. */
const READ_MS_MAX = 10_000;

/** Hands the user a file. */
export function saveFile(name: string, content: string | Blob, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), READ_MS_MAX);
}
