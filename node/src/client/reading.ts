/** How the bodies of answers are read. */

export interface Reading {
  /** What the call says that it takes; problems are JSON. */
  readonly accept: string;
  /** Null for what is no such answer, as of a proxy in place of the service. */
  read(response: Response): Promise<unknown>;
}

export const JSON_TEXT: Reading = {
  accept: "application/json",
  async read(response) {
    const text = await response.text();
    if (!/^application\/(problem\+)?json\b/.test(typeOf(response))) return null;
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  },
};

/** Of a status that says all; undefined. */
export const NOTHING: Reading = {
  accept: "application/json",
  async read(response) {
    await response.arrayBuffer();
  },
};

/** A file's bytes. */
export const FILE: Reading = {
  accept: "application/json, */*;q=0.5",
  async read(response) {
    const bytes = new Uint8Array(await response.arrayBuffer());
    return typeOf(response).startsWith("text/html") ? null : bytes;
  },
};

/** The body as it comes. */
export const EVENTS: Reading = {
  accept: "text/event-stream, application/json;q=0.5",
  async read(response) {
    return typeOf(response).startsWith("text/event-stream") ? response.body : null;
  },
};

export function typeOf({ headers }: Response): string {
  return headers.get("content-type") ?? "";
}
