/** What a call sends: images, graphs and fields as a form. */

/** Bytes of a file. A `File` keeps its name, which the answer repeats. */
export type Bytes = Blob | Uint8Array | ArrayBuffer;

/** An image that the service has or can get: by its address, its path below the operator's folder, or as one kept there. */
export type ImageSource =
  | { readonly image_url: string }
  | { readonly image_path: string }
  | { readonly image_id: string };

export type Image = Bytes | ImageSource;

/** Fields by their names in the HTTP API; a list repeats its name. */
export type Fields = Readonly<Record<string, Bytes | string | number | boolean | readonly string[] | undefined>>;

export function formOf(images: readonly Image[], fields: Fields): FormData {
  const form = new FormData();
  for (const [index, image] of images.entries()) {
    if (isSource(image)) for (const [name, value] of Object.entries(image)) form.append(name, value);
    else append(form, "image_file", image, `image-${index + 1}`);
  }
  for (const [name, value] of Object.entries(fields)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined) append(form, name, one, name);
    }
  }
  return form;
}

function isSource(image: Image): image is ImageSource {
  return "image_url" in image || "image_path" in image || "image_id" in image;
}

function append(form: FormData, name: string, value: Bytes | string | number | boolean, fileName: string): void {
  if (value instanceof Blob) form.append(name, value, "name" in value ? String(value.name) : fileName);
  else if (typeof value === "object") form.append(name, blobOf(value), fileName);
  // The text of a file goes as bytes: a form writes the line ends of its texts anew.
  else if (name.endsWith("_file")) form.append(name, new Blob([String(value)]), fileName);
  else form.append(name, String(value));
}

/**
 * A file of these bytes; a `File` as it is.
 * @throws TypeError for what is none, such as a promise that was not awaited: what it is called would be sent.
 */
export function blobOf(bytes: Bytes): Blob {
  if (bytes instanceof Blob) return bytes;
  if (ArrayBuffer.isView(bytes) || Object.prototype.toString.call(bytes) === "[object ArrayBuffer]")
    return new Blob([bytes as Uint8Array<ArrayBuffer>]);
  throw new TypeError(`${String(bytes)} is no file; give a Blob, a Uint8Array or an ArrayBuffer.`);
}
