/** Looks each second at the store that replicas share, and lets go of models that others removed. */
import { messageOf } from "../errors.js";
import { type Looks, lookEachSecond } from "../look-each-second.js";
import type { Models, ModelsStoreStatus } from "../ports.js";
import type { SharedBlobs } from "./shared-blobs.js";
import type { ModelStore } from "./store.js";

export interface FollowerOptions {
  readonly shared: Pick<SharedBlobs, "sinceHeardMs" | "close">;
  readonly store: Pick<ModelStore, "takeOver" | "discard">;
  readonly models: Pick<Models, "retire">;
  /** Told when the store goes away (with why), and when it is back (null). */
  readonly report: (error: unknown) => void;
}

export interface Follower {
  start(): void;
  status(): ModelsStoreStatus;
  stop(): void;
}

export function createFollower({ shared, store, models, report }: FollowerOptions): Follower {
  let looks: Looks | null = null;
  let problem: string | null = null;
  /** Files of models that came are read one after the other. */
  let verified = Promise.resolve();

  async function look(): Promise<void> {
    try {
      const { gone, verify } = await store.takeOver();
      problem = null;
      letGo(gone).catch(report);
      verified = verified.then(verify).catch(report);
    } catch (error) {
      problem = messageOf(error);
      throw error;
    }
  }

  async function letGo(gone: Awaited<ReturnType<typeof store.takeOver>>["gone"]): Promise<void> {
    if (gone.length === 0) return;
    await Promise.all(gone.map((model) => models.retire(model)));
    await store.discard(gone);
  }

  return {
    start() {
      looks = lookEachSecond(look, report);
      looks.now();
    },
    status() {
      const ms = shared.sinceHeardMs();
      return { problem, heard_seconds_ago: ms === null ? null : Math.round(ms / 100) / 10 };
    },
    stop() {
      void looks?.stop();
      shared.close();
    },
  };
}
