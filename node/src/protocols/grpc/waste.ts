/**
 * What the gRPC port is sent and nobody wants: calls that end before they are answered, calls of methods that there are not, bytes
 * beside calls. HTTP/2 lets a client reset a call in the packet that opens it, so that no bound of calls at once holds it
 * (CVE-2023-44487), and a thousand of them come in one read, while nobody else is served; and of updates of windows, priorities and
 * frames of unknown types no library bounds the number. So each address has a debt of them, paid by time and by calls that are
 * answered; where it grows too large the connection is ended, and the address makes none until all is paid.
 */
import type { ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { addressGroup } from "../../front/caller.js";
import type { FramesInTurns } from "./frames-in-turns.js";

/** Calls of an address that may end unanswered in a row: those of two connections whose deadlines pass together. */
export const UNANSWERED_MAX = 200;
/** How long it takes until one more may. */
const UNANSWERED_MS = 20;
/** Bytes beside calls that count as one of them: a hundred of the smallest frames. */
const IDLE_BYTES = 1024;
/** Those that a call brings along beside its headers: frames that say what else is to be sent. */
const CALL_BYTES = 1024;
/** Of each header, beside its name and its value (RFC 7541, section 6.2): how it is written, and how long both are. */
const HEADER_BYTES = 8;
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
  watch(connection: FramesInTurns): Watched;
}

/** A connection. */
export interface Watched {
  /** A call has come, with the names and the values of its headers in turn. To be told before all else of it. */
  call(stream: ServerHttp2Stream, headers: readonly string[]): void;
  /** The call's method is there. */
  know(stream: ServerHttp2Stream): void;
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
    watch(connection) {
      const debtor = isBehindProxy ? connection : addressGroup(connection.remoteAddress ?? "");
      /** Those that have not ended. */
      const calls = new Map<ServerHttp2Stream, { isKnown: boolean; readBytes: number }>();
      let allowedBytes = 0;
      const waste = (count: number) => {
        if (grow(debtor, count)) connection.destroy();
      };
      const checkBytes = () => {
        const idleBytes = connection.bytesSeen - allowedBytes;
        if (idleBytes < IDLE_BYTES) return;
        let unreadBytes = 0;
        for (const stream of calls.keys()) unreadBytes += stream.readableLength;
        const count = Math.floor((idleBytes - unreadBytes * (1 + MESSAGE_SHARE)) / IDLE_BYTES);
        if (count < 1) return;
        allowedBytes += count * IDLE_BYTES;
        waste(count);
      };
      connection.once("close", checkOften(checkBytes));
      return {
        call(stream, headers) {
          const call = { isKnown: false, readBytes: 0 };
          calls.set(stream, call);
          allowedBytes += CALL_BYTES;
          for (const text of headers) allowedBytes += text.length + HEADER_BYTES / 2;
          stream.once("close", () => {
            allowedBytes += Math.min(WINDOW_BYTES, call.readBytes + stream.readableLength);
            calls.delete(stream);
            if (call.isKnown && !stream.aborted) pay(debtor);
            else waste(1);
          });
        },
        know(stream) {
          const call = calls.get(stream);
          if (call !== undefined) call.isKnown = true;
        },
        message(stream, bytes) {
          const call = calls.get(stream);
          if (call !== undefined) call.readBytes += bytes;
          allowedBytes += bytes * (1 + MESSAGE_SHARE);
        },
        end: () => waste(UNANSWERED_MAX + 1),
      };
    },
  };
}
