/** A running service, called by its API. */
import { AppError, messageOf } from "../errors.js";

/** Holds the key for the service; it is no option, since other users of this machine see a program's options. */
export const KEY_VARIABLE = "MENAGERIE_API_KEY";

/** The refusal of a service. */
export class Refused extends Error {}

export interface Remote {
  /** The JSON that the service answers; null where it answers nothing. @throws Refused with its words. */
  call(method: string, path: string, body?: FormData): Promise<unknown>;
}

/** The service at `url`. @throws AppError `field_invalid` for what is no address. */
export function openRemote(url: string, environment: NodeJS.ProcessEnv = process.env): Remote {
  const base = baseOf(url);
  const key = environment[KEY_VARIABLE];
  const headers = {
    accept: "application/json",
    ...(key === undefined || key === "" ? {} : { authorization: `Bearer ${key}` }),
  };
  return {
    async call(method, path, body) {
      const response = await fetch(new URL(path, base), {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
      }).catch((error: unknown) => {
        const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : messageOf(error);
        throw new Refused(`No service answers at ${url} (${cause}).`);
      });
      const text = await response.text();
      if (!response.ok) throw new Refused(refusalOf(url, response.status, text, key !== undefined && key !== ""));
      return text === "" ? null : JSON.parse(text);
    },
  };
}

function baseOf(url: string): URL {
  try {
    const base = new URL(url.endsWith("/") ? url : `${url}/`);
    if (/^https?:$/.test(base.protocol)) return base;
  } catch {
    // It is said below.
  }
  throw new AppError("field_invalid", `${url} is no address of a service; write one such as http://localhost:8080.`);
}

function refusalOf(url: string, status: number, text: string, hasKey: boolean): string {
  const hint = (status === 401 || status === 403) && !hasKey ? ` Put a key into ${KEY_VARIABLE}.` : "";
  try {
    const { detail, code } = JSON.parse(text) as { detail: string; code: string };
    return `${detail} (${code})${hint}`;
  } catch {
    return `${url} answers with status ${status}.${hint}`;
  }
}
