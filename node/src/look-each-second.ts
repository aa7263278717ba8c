/** What replicas share, looked at again and again: how one hears of what others changed there. */

/** Between the end of one look and the next. */
const LOOK_MS = 1000;

export interface Looks {
  /** Looks soon, whatever the time. */
  now(): void;
  /** Resolves once no look is under way, and none will be. */
  stop(): Promise<void>;
}

/** Looks each second from now on, one after the other. `report` hears when looks begin to fail, with why, and null when they do no longer. */
export function lookEachSecond(look: () => Promise<void>, report: (error: unknown) => void): Looks {
  let isAway = false;
  let isOver = false;
  let timer = setTimeout(now, LOOK_MS).unref();
  let looking = Promise.resolve();

  function now(): void {
    clearTimeout(timer);
    looking = looking.then(async () => {
      if (isOver) return;
      try {
        await look();
        if (isAway) report(null);
        isAway = false;
      } catch (error) {
        if (!isAway && !isOver) report(error);
        isAway = true;
      }
      clearTimeout(timer);
      if (!isOver) timer = setTimeout(now, LOOK_MS).unref();
    });
  }

  return {
    now,
    async stop() {
      isOver = true;
      clearTimeout(timer);
      await looking;
    },
  };
}
