/** Who asks: the holder of the request's key, else an address. What shares and rates are counted by. */
import type { IncomingMessage } from "node:http";
import { ipKeyGenerator } from "express-rate-limit";
import proxyAddr from "proxy-addr";
import type { ApiKeys, KeyHolder } from "../ports.js";

export interface Caller {
  /** A key that is not known counts to its address, so that guessing keys is limited as well. */
  readonly name: string;
  /** The holder of the request's key; null when its key is not known, undefined when there is none. */
  readonly holder: KeyHolder | null | undefined;
}

/** What is looked at of whoever asks: a request, or a call of another protocol. */
export interface Asking {
  readonly headers: Pick<IncomingMessage["headers"], "authorization"> &
    Readonly<Partial<Record<"x-api-key" | "x-forwarded-for", string | string[]>>>;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

export type CallerOf = (asking: Asking) => Caller;

/** What a home or a small office gets from its provider: whoever holds it could take any address of it. */
const IPV6_SUBNET_BITS = 56;

/** `isProxy` says whose `X-Forwarded-For` is believed. Each request is looked at once. */
export function createCallerOf(apiKeys: ApiKeys | null, isProxy: (address: string, hops: number) => boolean): CallerOf {
  const known = new WeakMap<Asking, Caller>();
  return (asking) => {
    const caller = known.get(asking) ?? find(asking);
    known.set(asking, caller);
    return caller;
  };

  function find(asking: Asking): Caller {
    const key = apiKeys === null ? undefined : keyOf(asking);
    const holder = key === undefined ? undefined : (apiKeys?.find(key) ?? null);
    if (holder) return { name: `key ${holder.name}`, holder };
    // A socket that is closed has no address any more.
    // Of a request, proxy-addr reads nothing but that and `x-forwarded-for`.
    const address = asking.socket.remoteAddress === undefined ? "" : proxyAddr(asking as IncomingMessage, isProxy);
    return { name: `address ${addressGroup(address)}`, holder };
  }
}

/** The address, or the subnet that one customer of a provider holds. */
export function addressGroup(address: string): string {
  return ipKeyGenerator(address, IPV6_SUBNET_BITS);
}

function keyOf({ headers }: Asking): string | undefined {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "") ?? [];
  const [own] = [headers["x-api-key"]].flat();
  return bearer ?? own;
}
