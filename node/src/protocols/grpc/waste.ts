/**
 * Calls of the gRPC port that end before they are answered. HTTP/2 lets a client reset a call in the packet that opens it,
 * so that no bound of calls at once holds it (CVE-2023-44487), and a thousand of them come in one read, while nobody else is
 * served. So each address has a debt of such calls, paid by time and by calls that are answered; where it grows too large the
 * connection is ended, and the address makes none until all is paid.
 */
import type { ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { addressGroup } from "../../front/caller.js";

/** Calls of an address that may end unanswered in a row: those of two connections whose deadlines pass together. */
export const UNANSWERED_MAX = 200;
/** How long it takes until one more may. */
const UNANSWERED_MS = 20;

export interface Waste {
  /** Whether connections from where this one comes are taken now. */
  takes(socket: Socket): boolean;
  /** Counts a call that has come, and ends its connection where it is one too many. */
  watch(stream: ServerHttp2Stream): void;
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
  const grow = (debtor: unknown) => {
    const nowMs = now();
    const before = debtOf(debtor) ?? { paidMs: nowMs, isTooLarge: false };
    const mostMs = nowMs + UNANSWERED_MAX * UNANSWERED_MS;
    const paidMs = before.paidMs + UNANSWERED_MS;
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

  return {
    takes: ({ remoteAddress = "" }) => debtOf(addressGroup(remoteAddress))?.isTooLarge !== true,
    watch(stream) {
      const { session } = stream;
      if (session === undefined) return;
      const debtor = isBehindProxy ? session : addressGroup(session.socket.remoteAddress ?? "");
      stream.once("close", () => {
        if (!stream.aborted) pay(debtor);
        else if (grow(debtor)) session.destroy();
      });
    },
  };
}
