import { TurnShares } from "../../src/front/turn-shares.js";
import type { FrameTurns } from "../../src/protocols/grpc/frames-in-turns.js";

/** Nothing is left of the share of a turn, and each turn is the test's. */
export function slow(): { turns: FrameTurns; waiting: (() => void)[] } {
  const waiting: (() => void)[] = [];
  const wait = () => new Promise<void>((resolve) => void waiting.push(resolve));
  const turnShares = Object.assign(new TurnShares(), { of: () => ({ isLeft: () => false, spend: () => {} }) });
  return { turns: { turnShares, turns: { wait } }, waiting };
}
