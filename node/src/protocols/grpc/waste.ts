/**
 * What the gRPC port is sent and nobody wants: calls that end before they are answered, calls of methods that there are not, bytes
 * beside calls. HTTP/2 lets a client reset a call in the packet that opens it, so that no bound of calls at once holds it
 * (CVE-2023-44487), and a thousand of them come in one read, while nobody else is served; and of updates of windows, priorities and
 * frames of unknown types no library bounds the number. So each address has a debt of them, paid by time and by calls that are
 * answered; where it grows too large the connection is ended, and the address makes none until all is paid.
 */
import type { Http2Session, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { addressGroup } from "../../front/caller.js";

/** Calls of an address that may end unanswered in a row: those of two connections whose deadlines pass together. */
export const UNANSWERED_MAX = 200;
/** How long it takes until one more may. */
const UNANSWERED_MS = 20;
/** Bytes beside calls that count as one of them: a hundred of the smallest frames. */
const IDLE_BYTES = 1024;
/** Those that a call brings along: its headers, and frames that say what else is to be sent. */
const CALL_BYTES = 16 * 1024;
/** Likewise a message, of its own bytes: the heads of its frames. */
const MESSAGE_SHARE = 1 / 8;
/** Of its message, what may lie unread (RFC 9113, section 6.9.2): it is told of once it is read, and never where its call ends first. */
const WINDOW_BYTES = 65_535;
/** How often they are looked for. */
const CHECK_MS = 50;

export interface Waste {
  /** Whether connections from where this one comes are taken now. */
  takes(socket: Socket): boolean;
  /** Sees to what comes on a connection, and ends it where it is too much. */
  watch(socket: Socket): Watched;
}

/** A connection. */
export interface Watched {
  /** A call has come; `isKnown` says whether its method is there. What is said of it first holds. */
  call(stream: ServerHttp2Stream, isKnown: boolean): void;
  /** So many bytes of the call's message were read. */
  message(stream: ServerHttp2Stream, bytes: number): void;
  /** Ends it, and takes no other from where it comes until all is paid. */
  end(): void;
}

interface Debt {
  /** When all will be paid. */
  paidMs: number;
  isTooLarge: boolean;
}

/** Behind a proxy all connections come from its address: then each has a debt of its own. */
export function boundWaste(isBehindProxy: boolean, now = () => performance.now()): Waste {
  /** Of addresses, or of connections; the one that grew last stands last. */
  const debts = new Map<unknown, Debt>();
  const debtOf = (debtor: unknown) => {
    const debt = debts.get(debtor);
    return debt !== undefined && debt.paidMs > now() ? debt : undefined;
  };
  /** Whether it is too large now. */
  const grow = (debtor: unknown, count = 1) => {
    const nowMs = now();
    const before = debtOf(debtor) ?? { paidMs: nowMs, isTooLarge: false };
    const mostMs = nowMs + UNANSWERED_MAX * UNANSWERED_MS;
    const paidMs = before.paidMs + count * UNANSWERED_MS;
    const isTooLarge = before.isTooLarge || paidMs > mostMs;
    debts.delete(debtor);
    debts.set(debtor, { paidMs: Math.min(paidMs, mostMs), isTooLarge });
    for (const [other, debt] of debts) {
      if (debt.paidMs > nowMs) break;
      debts.delete(other);
    }
    return isTooLarge;
  };
  const pay = (debtor: unknown) => {
    const debt = debtOf(debtor);
    if (debt !== undefined) debt.paidMs -= UNANSWERED_MS;
  };

  /** What looks for bytes beside calls on each connection. */
  const checks = new Set<() => void>();
  let timer: NodeJS.Timeout | undefined;
  const checkOften = (check: () => void) => {
    checks.add(check);
    timer ??= setInterval(() => {
      for (const one of checks) one();
    }, CHECK_MS).unref();
    return () => {
      checks.delete(check);
      if (checks.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
  };

  return {
    takes: ({ remoteAddress = "" }) => debtOf(addressGroup(remoteAddress))?.isTooLarge !== true,
    watch(socket) {
      const debtor = isBehindProxy ? socket : addressGroup(socket.remoteAddress ?? "");
      /** What was read of the message of each call. */
      const calls = new Map<ServerHttp2Stream, number>();
      let allowedBytes = 0;
      let session: Http2Session | undefined;
      const waste = (count: number) => {
        // A session looks into what was read until it is ended itself.
        if (grow(debtor, count)) (session ?? socket).destroy();
      };
      const checkBytes = () => {
        const unreadBytes = calls.size * WINDOW_BYTES;
        const count = Math.floor((socket.bytesRead - allowedBytes - unreadBytes) / IDLE_BYTES);
        if (count < 1) return;
        allowedBytes += count * IDLE_BYTES;
        waste(count);
      };
      socket.once("close", checkOften(checkBytes));
      return {
        call(stream, isKnown) {
          if (calls.has(stream)) return;
          calls.set(stream, 0);
          session ??= stream.session;
          allowedBytes += CALL_BYTES;
          stream.once("close", () => {
            allowedBytes += Math.min(WINDOW_BYTES, calls.get(stream) ?? 0);
            calls.delete(stream);
            if (isKnown && !stream.aborted) pay(debtor);
            else waste(1);
          });
        },
        message(stream, bytes) {
          const readBytes = calls.get(stream);
          if (readBytes !== undefined) calls.set(stream, readBytes + bytes);
          allowedBytes += bytes * (1 + MESSAGE_SHARE);
        },
        end: () => waste(UNANSWERED_MAX + 1),
      };
    },
  };
}
