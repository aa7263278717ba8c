/**
 * Fetches the image at an address that a client names, so that the client cannot make this service ask where it should
 * not: the host has to be listed, each address that its name has must be public, the connection goes to the addresses
 * that were checked and to no others, and redirects are not followed.
 */
import { lookup } from "node:dns/promises";
import { get as httpGet, type IncomingMessage, type RequestOptions } from "node:http";
import { get as httpsGet } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import { AppError } from "../errors.js";
import { ChunkJoiner, joinInTurns } from "../join-chunks.js";
import type { FetchImage } from "../ports.js";

export interface ImageFetcherOptions {
  /** `example.org`, `*.example.org` for the names below it, each with `:port` where it is not the scheme's. */
  readonly hosts: readonly string[];
  readonly bytesMax: number;
  /** From the question for the name's addresses to the last byte. */
  readonly msMax: number;
  readonly resolve?: (name: string) => Promise<readonly Address[]>;
  readonly isPublic?: (address: string) => boolean;
  /** Certificates to trust in place of the system's, as PEM. */
  readonly authorities?: string;
}

export interface Address {
  readonly address: string;
  readonly family: number;
}

const HEADERS = { accept: "image/*", "accept-encoding": "identity", "user-agent": "menagerie" };

export function createImageFetcher(options: ImageFetcherOptions): FetchImage {
  const { hosts, bytesMax, msMax, resolve = resolveName, isPublic = isPublicAddress, authorities } = options;
  return async (text, { headers = {}, signal: asker } = {}) => {
    const url = checkUrl(text, hosts);
    const late = AbortSignal.timeout(msMax);
    const signal = asker === undefined ? late : AbortSignal.any([late, asker]);
    try {
      const addresses = await withSignal(resolve(bareHost(url)), signal);
      if (!addresses.every(({ address }) => isPublic(address))) {
        throw forbidden(`${url.host} has an address that is not public`);
      }
      const response = await open(url, {
        headers: { ...headers, ...HEADERS },
        agent: false,
        signal,
        lookup: answering(addresses),
        ...(authorities === undefined ? {} : { ca: authorities }),
      } as RequestOptions);
      return await readImage(response, bytesMax);
    } catch (error) {
      if (error instanceof AppError) throw error;
      asker?.throwIfAborted();
      const why = late.aborted ? `did not answer whole within ${msMax} ms` : "does not answer";
      throw new AppError("url_unreachable", `${url.host} ${why}.`, { cause: error });
    }
  };
}

/** All that IANA has given out of IPv6 for everybody to reach. */
const IPV6_PUBLIC = ipaddr.IPv6.parseCIDR("2000::/3");
/** In the middle of an address that carries one of IPv4 (ISATAP, RFC 5214, section 6.1); the first half has two free bits. */
const ISATAP = 0x5efe;
const ISATAP_FREE_BITS = 0x0300;

/**
 * Whether everybody reaches the address: not one of this machine, its networks, or a service of its provider. An address
 * of IPv6 that stands for one of IPv4 at the far end of a tunnel or a translator is none, whichever it stands for.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (address.range() !== "unicast") return false;
  if (address instanceof ipaddr.IPv4) return true;
  const [, , , , first = 0, second = 0] = address.parts;
  const isTunnel = (first & ~ISATAP_FREE_BITS) === 0 && second === ISATAP;
  return address.match(IPV6_PUBLIC) && !isTunnel;
}

function checkUrl(text: string, hosts: readonly string[]): URL {
  if (hosts.length === 0) {
    throw forbidden("This service fetches no addresses; send the image itself as image_file");
  }
  if (!URL.canParse(text)) throw forbidden(`${JSON.stringify(text)} is no address`);
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw forbidden(`${url.protocol} is neither http: nor https:`);
  if (url.username !== "" || url.password !== "")
    throw forbidden("An address with a user or a password is not fetched");
  if (!hosts.some((host) => isListed(url, host))) {
    throw forbidden(`${url.host} is none of the hosts that this service fetches from`);
  }
  return url;
}

/** `url.host` has no port where it is the scheme's. */
function isListed({ host }: URL, listed: string): boolean {
  return listed.startsWith("*.") ? host.endsWith(listed.slice(1)) && host.length >= listed.length : host === listed;
}

/** The name, or the IP address without the brackets that a URL has it in. */
function bareHost({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}

async function resolveName(name: string): Promise<readonly Address[]> {
  const family = isIP(name);
  return family === 0 ? await lookup(name, { all: true }) : [{ address: name, family }];
}

/** In the place of the resolver: what was checked is what is connected to. */
function answering(addresses: readonly Address[]): LookupFunction {
  return (_name, { all }, done) => {
    const [first] = addresses;
    if (all === true) done(null, [...addresses]);
    else if (first !== undefined) done(null, first.address, first.family);
    else done(Object.assign(new Error("the name has no address"), { code: "ENOTFOUND" }), "");
  };
}

function open(url: URL, options: RequestOptions): Promise<IncomingMessage> {
  const get = url.protocol === "https:" ? httpsGet : httpGet;
  return new Promise((resolve, reject) => {
    get(url, options, resolve).once("error", reject);
  });
}

async function readImage(response: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  try {
    const { statusCode = 0, headers } = response;
    if (statusCode >= 300 && statusCode < 400)
      throw forbidden("The address answers with a redirect, which is not followed");
    if (statusCode !== 200) throw unreachable(`The address answers with status ${statusCode}`);
    if ((headers["content-encoding"] ?? "identity") !== "identity") throw unreachable("The address answers compressed");
    if (Number(headers["content-length"] ?? 0) > bytesMax) throw tooLarge(bytesMax);
    const chunks: Buffer[] = [];
    const joiner = new ChunkJoiner(chunks);
    let length = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > bytesMax) throw tooLarge(bytesMax);
      joiner.add(chunk);
    }
    joiner.finish();
    return await joinInTurns(chunks);
  } finally {
    response.destroy();
  }
}

/** Rejects when the signal fires first: the system's resolver cannot be stopped. */
function withSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}

function forbidden(why: string): AppError {
  return new AppError("url_forbidden", `${why}.`);
}

function unreachable(why: string): AppError {
  return new AppError("url_unreachable", `${why}.`);
}

function tooLarge(bytesMax: number): AppError {
  return new AppError("upload_too_large", `The image at the address is larger than ${bytesMax} bytes.`);
}
