/** What a call sends: images, graphs and fields as a form. */

/** Bytes of a file. A `File` keeps its name, which the answer repeats. */
export type Bytes = Blob | Uint8Array | ArrayBuffer;

/** An image, or the address of one, which the service fetches where its operator allows the host. */
export type Image = Bytes | URL;

/** Fields by their names in the HTTP API; a list repeats its name. */
export type Fields = Readonly<Record<string, Bytes | string | number | boolean | readonly string[] | null | undefined>>;

export function formOf(images: readonly Image[], fields: Fields): FormData {
  const form = new FormData();
  for (const [index, image] of images.entries()) {
    if (image instanceof URL) form.append("image_url", image.href);
    else append(form, "image_file", image, `image-${index + 1}`);
  }
  for (const [name, value] of Object.entries(fields)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null) append(form, name, one, name);
    }
  }
  return form;
}

function append(form: FormData, name: string, value: Bytes | string | number | boolean, fileName: string): void {
  if (value instanceof Blob) form.append(name, value, "name" in value ? String(value.name) : fileName);
  // The text of a file goes as bytes: a form writes the line ends of its texts anew.
  else if (typeof value === "object" || name.endsWith("_file")) form.append(name, blobOf(value), fileName);
  else form.append(name, String(value));
}

function blobOf(value: Exclude<Bytes, Blob> | string | number | boolean): Blob {
  return new Blob([typeof value === "object" ? (value as Uint8Array<ArrayBuffer>) : String(value)]);
}
