/** Files as they come in: chosen, dropped, pasted; each with its path below what was chosen. */

export interface FoundFile {
  readonly file: File;
  /** Such as `roses/12.jpg` where a folder was chosen or dropped, else the file's name. */
  readonly path: string;
}

/** Of files in a folder: 2 before 10. */
const ORDER = new Intl.Collator("en", { numeric: true });

export function byPath(found: readonly FoundFile[]): readonly FoundFile[] {
  return found.toSorted((one, other) => ORDER.compare(one.path, other.path));
}

/** Those of a file field. */
export function chosenFiles({ files }: HTMLInputElement): readonly FoundFile[] {
  return Array.from(files ?? [], (file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/** Those of a drop or a paste; folders are opened. */
export async function filesOf(transfer: DataTransfer): Promise<readonly FoundFile[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const direct = Array.from(transfer.files, (file) => ({ file, path: file.name }));
  if (!entries.some((entry) => entry?.isDirectory)) return direct;
  const nested = await Promise.all(entries.map((entry) => (entry === null ? [] : filesBelow(entry))));
  return nested.flat();
}

async function filesBelow(entry: FileSystemEntry): Promise<FoundFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ file, path: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: FoundFile[] = [];
  // A reader gives a folder piece by piece, and an empty piece at its end.
  for (;;) {
    const piece = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (piece.length === 0) return files;
    for (const below of piece) files.push(...(await filesBelow(below)));
  }
}
