/**
 * Requests to the remote server: connections are kept, redirects are not followed, and an answer is read as far as its
 * limit. Whatever goes wrong is told in the words of an engine, without the server's address: clients read them.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { AppError, EngineError, isSystemError, messageOf } from "../../errors.js";
import { printable } from "../../printable.js";
import type { RemoteAddress } from "./address.js";
import { atMostSeconds, tooLate, tooLong, unreachable } from "./problems.js";

export interface Asked {
  readonly path: string;
  /** A request with a body is a POST, any other one a GET. */
  readonly body?: readonly Uint8Array[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly bytesMax: number;
  readonly msMax: number;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** Of what the server says of itself and of its models, in bytes. */
export const FACTS_BYTES_MAX = 1024 * 1024;
/** Of the server's own words in the log. */
const WORDS_CHARACTERS_MAX = 300;

export class HttpClient {
  readonly #address: RemoteAddress;
  readonly #token: () => string | null;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(address: RemoteAddress, requestsMax: number, token: () => string | null) {
    this.#address = address;
    this.#token = token;
    // One more, so that the server is asked whether it is ready while all runs are at work.
    const options = { keepAlive: true, maxSockets: requestsMax + 1 };
    this.#agent = address.secure ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** Resolves with the answer, whatever its status. */
  async ask(asked: Asked): Promise<Answered> {
    const signal = AbortSignal.timeout(asked.msMax);
    try {
      return await this.#askOnce(asked, signal, false);
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (signal.aborted) throw tooLate(asked.msMax, error);
      throw unreachable(error);
    }
  }

  /** As `ask`, for JSON. @throws AppError where the status is none of success. */
  async askJson(asked: Asked): Promise<unknown> {
    const answered = await this.ask(asked);
    if (answered.status !== 200) throw refusedWith(answered);
    try {
      return JSON.parse(answered.body.toString("utf8"));
    } catch (error) {
      throw new AppError("engine_unavailable", "The remote server answered what is no JSON.", { cause: error });
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #askOnce(asked: Asked, signal: AbortSignal, isAgain: boolean): Promise<Answered> {
    const { request, response } = this.#send(asked, signal, isAgain);
    let head: IncomingMessage;
    try {
      head = await response;
    } catch (error) {
      // A server may close a connection that rests just when it is used again: then it has seen nothing of the request.
      if (request.reusedSocket && !isAgain && isSystemError(error, "ECONNRESET", "EPIPE")) {
        return await this.#askOnce(asked, signal, true);
      }
      throw error;
    }
    try {
      const body = await bodyOf(head, asked.bytesMax);
      return { status: head.statusCode ?? 0, headers: head.headers, body };
    } catch (error) {
      if (error instanceof AppError || signal.aborted) throw error;
      const detail = "The remote server ended its answer in the middle.";
      throw new EngineError("engine_failed", "running", detail, { cause: error });
    }
  }

  #send({ path, body, headers }: Asked, signal: AbortSignal, isAgain: boolean) {
    const { secure, host, path: base } = this.#address;
    const token = this.#token();
    const { hostname, port } = new URL(`${secure ? "https" : "http"}://${host}`);
    const length = body?.reduce((sum, piece) => sum + piece.length, 0);
    const options: RequestOptions = {
      // Other connections that rest may have been closed with that one.
      agent: isAgain ? false : this.#agent,
      // Without the brackets that an address of IPv6 has in a URL.
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port,
      path: `${base}${path}`,
      method: body === undefined ? "GET" : "POST",
      signal,
      headers: {
        accept: "application/json, application/octet-stream",
        ...headers,
        ...(length === undefined ? {} : { "content-length": String(length) }),
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
    };
    const request = (secure ? httpsRequest : httpRequest)(options);
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      request.on("response", resolve);
      request.on("error", reject);
    });
    for (const piece of body ?? []) request.write(piece);
    request.end();
    return { request, response };
  }
}

async function bodyOf(response: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Leaving the loop ends the connection.
    if (bytes > bytesMax) throw tooLong(bytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What a status stands for that is none of success. The server's own words are for the log. */
export function refusedWith({ status, headers, body }: Answered): AppError {
  const words = printable(body.toString("utf8", 0, WORDS_CHARACTERS_MAX));
  const cause = new Error(`it answered ${status}: ${words}`);
  if (status === 401 || status === 403) {
    const detail = `The remote server refuses this service (${status}); REMOTE_TOKEN_FILE holds what it asks for.`;
    return new AppError("engine_unavailable", detail, { cause });
  }
  if (status === 429 || status === 503) {
    const retryAfterSeconds = atMostSeconds(headers["retry-after"]);
    const detail = `The remote server takes no requests now (${status}).`;
    return new AppError("engine_unavailable", detail, { cause, retryAfterSeconds });
  }
  if (status === 404) {
    const detail = "The remote server does not have the model (404).";
    return new EngineError("engine_unavailable", "running", detail, { cause });
  }
  return new EngineError("engine_failed", "running", `The remote server answered with ${status}.`, { cause });
}

/** JSON with its fields as a schema has them. @throws AppError `engine_unavailable`. */
export function told<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const detail = `The remote server's ${what} cannot be read.`;
    throw new AppError("engine_unavailable", detail, { cause: new Error(messageOf(error)) });
  }
}
