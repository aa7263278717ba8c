/**
 * Graphs that are loaded, each with one set of settings: there are at most `modelsLoadedMax`, and the one unused for
 * longest makes room. Past `modelsMemoryBytesMax` the ones unused for longest are put to sleep too: their engine ends. A
 * slot whose engine sleeps or died loads again when it is next used.
 *
 * Graphs that clients brought take no more than `strangersMax` of the slots, of which one caller leaves some to others
 * (`Shares`), and are loaded a few at a time. This is the only place that tries again: an exchange whose engine died,
 * never a load that killed one.
 */
import { AppError } from "../errors.js";
import { FairLine } from "../fair-queue.js";
import type { ErrorCode } from "../generated/contract.js";
import {
  type InferenceEngine,
  type LoadedModel,
  type Observer,
  type Party,
  UNOBSERVED,
  type ZooModel,
} from "../ports.js";
import { Permits, Shares } from "../shares.js";
import { unlessAborted } from "../unless-aborted.js";
import { groupOf, type Source } from "./sources.js";

export interface SlotsOptions {
  readonly engine: InferenceEngine;
  readonly modelsLoadedMax: number;
  /** Of all loaded models together; a single one may take more. */
  readonly modelsMemoryBytesMax: number;
  /** Graphs of clients that are loaded at the same time. */
  readonly strangerLoadsMax: number;
  /** Times that an exchange is tried again on a fresh engine when the engine died: inference is idempotent. */
  readonly retryCount: number;
  readonly observer?: Observer;
}

/** Models whose sleep is remembered: graphs of clients are without number. */
const ASLEEP_KNOWN_MAX = 1000;

/** Of the slots, those that graphs of clients do not take: one in four, and at least one where there are two. */
const OWN_SHARE = 0.25;

type State =
  | { readonly kind: "empty" }
  | { readonly kind: "loading"; readonly loaded: Promise<LoadedModel>; readonly leader: Party }
  | { readonly kind: "ready"; readonly loaded: LoadedModel };

interface Slot {
  readonly key: string;
  readonly graphSha256: string;
  readonly stranger: boolean;
  /** As `Models.groupOf` names it. */
  readonly group: string;
  state: State;
  /** Requests that hold it now; it is not given up meanwhile. */
  useCount: number;
  /** Whose share it counts to while it is used, where the graph is a client's. */
  caller: string;
  usesEnded: number;
  /** As last measured. */
  memoryBytes: number;
}

/** What is known of the slots of one graph. */
export interface SlotsOfGraph {
  readonly loading: boolean;
  /** Null where no engine holds it. */
  readonly memoryBytes: number | null;
}

export class Slots {
  readonly #options: SlotsOptions;
  /** In the order of use: the first one is the one unused for longest. */
  readonly #slots = new Map<string, Slot>();
  readonly #strangersMax: number;
  /** Slots of clients' graphs that are in use. */
  readonly #strangersUsed: Shares;
  readonly #strangerLoads: Permits;
  readonly #line = new FairLine<Source, Slot>();
  /** Engines that are ending: each takes its room until it is gone. */
  readonly #ending = new Set<Slot>();
  readonly #failures = new WeakMap<ZooModel, string>();
  readonly #observer: Observer;
  /** Keys of slots that were put to sleep, the latest last. */
  readonly #asleep = new Set<string>();
  #closing = false;

  constructor(options: SlotsOptions) {
    this.#options = options;
    const { modelsLoadedMax } = options;
    this.#strangersMax = Math.max(1, modelsLoadedMax - Math.ceil(OWN_SHARE * modelsLoadedMax));
    this.#strangersUsed = new Shares(this.#strangersMax);
    this.#strangerLoads = new Permits(options.strangerLoadsMax);
    this.#observer = options.observer ?? UNOBSERVED;
  }

  /**
   * Uses the loaded model of a source, loading it where needed. When its engine dies meanwhile, the use is tried again
   * on a fresh one.
   */
  async use<T>(source: Source, party: Party, work: (loaded: LoadedModel) => Promise<T>): Promise<T> {
    for (let retriesLeft = this.#options.retryCount; ; retriesLeft -= 1) {
      const slot = await this.#take(source, party);
      try {
        const loaded = await this.#load(slot, source, party);
        try {
          return await work(loaded);
        } catch (error) {
          const died = error instanceof AppError && error.code === "engine_failed";
          if (!died || retriesLeft === 0 || party.signal.aborted) throw error;
        }
      } finally {
        this.#leave(slot);
      }
    }
  }

  /** Why a model of the zoo could not be loaded when it was last tried. */
  failureOf(model: ZooModel): string | null {
    return this.#failures.get(model) ?? null;
  }

  ofGraph(sha256: string | null): SlotsOfGraph {
    const slots = [...this.#slots.values()].filter((slot) => slot.graphSha256 === sha256);
    const awake = slots.filter(isAwake);
    return {
      loading: slots.some(({ state }) => state.kind === "loading"),
      memoryBytes: awake.length === 0 ? null : memoryOf(awake),
    };
  }

  loadedCount(): number {
    return [...this.#slots.values()].filter(isAwake).length;
  }

  /** Ends the engines of a graph that nobody uses. */
  async retire(sha256: string | null): Promise<void> {
    const idle = [...this.#slots.values()].filter((slot) => slot.graphSha256 === sha256 && slot.useCount === 0);
    await Promise.all(idle.map((slot) => this.#end(slot)));
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#line.close(stopping());
    await Promise.all([...this.#slots.values()].map((slot) => this.#end(slot)));
  }

  /** The slot of a source, made when there is none: waits for room, in turn, when every slot is at work. */
  async #take(source: Source, party: Party): Promise<Slot> {
    if (this.#closing) throw stopping();
    const now = this.#line.at(party, source, this.#give);
    if (now !== undefined) return now;
    const slot = this.#line.wait(party, source);
    this.#serve();
    return await slot;
  }

  readonly #give = (source: Source, caller: string) => this.#slotFor(source, caller);

  #serve(): void {
    if (this.#line.size > 0) this.#line.serve(this.#give);
  }

  /** Undefined where there is no room now. */
  #slotFor(source: Source, caller: string): Slot | undefined {
    const key = source.graphKey;
    const known = this.#slots.get(key);
    const isIdle = known === undefined || known.useCount === 0;
    if (source.stranger && isIdle && !this.#strangersUsed.allows(caller)) return undefined;
    if (known === undefined && !this.#makeRoom(source.stranger)) return undefined;
    const slot = known ?? slotOf(key, source);
    this.#slots.delete(key);
    this.#slots.set(key, slot);
    if (isIdle && slot.stranger) {
      slot.caller = caller;
      this.#strangersUsed.take(caller);
    }
    slot.useCount += 1;
    return slot;
  }

  /** Whether there is room for one more slot; ends the one unused for longest where that makes it. */
  #makeRoom(stranger: boolean): boolean {
    const slots = [...this.#slots.values()];
    const strangers = slots.filter((slot) => slot.stranger);
    const endingStrangers = [...this.#ending].filter((slot) => slot.stranger).length;
    const isFull = stranger && strangers.length + endingStrangers >= this.#strangersMax;
    if (!isFull && slots.length + this.#ending.size < this.#options.modelsLoadedMax) return true;
    // One that ends already makes the room.
    if (isFull ? endingStrangers > 0 : this.#ending.size > 0) return false;
    const oldest = (isFull ? strangers : slots).find(({ useCount }) => useCount === 0);
    if (oldest === undefined) return false;
    this.#sleep(oldest, "room");
    return !this.#ending.has(oldest);
  }

  /** A slot that holds nothing and that nobody uses is given up. */
  #leave(slot: Slot): void {
    slot.useCount -= 1;
    slot.usesEnded += 1;
    if (slot.useCount === 0) {
      if (slot.stranger) this.#strangersUsed.giveBack(slot.caller);
      if (!isAwake(slot)) this.#slots.delete(slot.key);
    }
    // After 1, 2, 4, 8, … uses, the load being the first: what a graph needs hardly changes after its first runs.
    if (Number.isInteger(Math.log2(slot.usesEnded))) void this.#measure(slot);
    else this.#putToSleep();
    this.#serve();
  }

  async #measure(slot: Slot): Promise<void> {
    slot.memoryBytes = slot.state.kind === "ready" ? await slot.state.loaded.memoryBytes() : 0;
    this.#putToSleep();
  }

  /** Ends engines, the ones unused for longest first, until the limit of memory holds. The one used last stays. */
  #putToSleep(): void {
    const slots = [...this.#slots.values()];
    let memoryBytes = memoryOf(slots);
    for (const slot of slots.slice(0, -1)) {
      if (memoryBytes <= this.#options.modelsMemoryBytesMax) return;
      if (slot.useCount > 0) continue;
      memoryBytes -= slot.memoryBytes;
      this.#sleep(slot, "memory");
    }
  }

  #sleep(slot: Slot, reason: "room" | "memory"): void {
    if (isAwake(slot)) {
      this.#observer.slept(slot.group, reason);
      this.#asleep.add(slot.key);
      const [oldest = slot.key] = this.#asleep;
      if (this.#asleep.size > ASLEEP_KNOWN_MAX) this.#asleep.delete(oldest);
    }
    void this.#end(slot);
  }

  async #end(slot: Slot): Promise<void> {
    this.#slots.delete(slot.key);
    if (slot.state.kind !== "ready") return;
    this.#ending.add(slot);
    await slot.state.loaded.close();
    this.#ending.delete(slot);
    this.#serve();
  }

  /** Loads once, however many ask; each waits until its own signal. */
  async #load(slot: Slot, source: Source, party: Party): Promise<LoadedModel> {
    for (;;) {
      const { state } = slot;
      if (state.kind === "ready" && state.loaded.alive) return state.loaded;
      if (state.kind !== "loading") {
        const loaded = this.#loadFresh(slot, source, party);
        slot.state = { kind: "loading", loaded, leader: party };
        return await loaded;
      }
      try {
        return await unlessAborted(party.signal, state.loaded);
      } catch (error) {
        // The one whose turn it was to load did not wait any longer: that says nothing of the graph.
        const { signal } = state.leader;
        if (party.signal.aborted || !signal.aborted || error !== signal.reason) throw error;
      }
    }
  }

  async #loadFresh(slot: Slot, source: Source, party: Party): Promise<LoadedModel> {
    const { identity, model, request, program, readGraph } = source;
    let release = () => {};
    try {
      if (source.stranger) release = await this.#strangerLoads.take(party);
      const wanted = { ...request, graph_sha256: identity.sha256 };
      const loaded = await this.#observed(slot, async () =>
        this.#options.engine.load(await readGraph(), wanted, program, identity),
      );
      slot.state = { kind: "ready", loaded };
      if (model !== null) this.#failures.delete(model);
      return loaded;
    } catch (error) {
      slot.state = { kind: "empty" };
      const isOfModel = error instanceof AppError && error !== party.signal.reason && request.source === "manifest";
      if (model !== null && isOfModel) this.#failures.set(model, error.message);
      throw error;
    } finally {
      release();
    }
  }

  async #observed(slot: Slot, load: () => Promise<LoadedModel>): Promise<LoadedModel> {
    const began = performance.now();
    const tell = (code: ErrorCode | "ok") => {
      const ms = performance.now() - began;
      this.#observer.loaded({ model: slot.group, code, ms, wasAsleep: this.#asleep.delete(slot.key) });
    };
    try {
      const loaded = await load();
      tell("ok");
      return loaded;
    } catch (error) {
      tell(error instanceof AppError ? error.code : "internal");
      throw error;
    }
  }
}

function slotOf(key: string, { identity, stranger, model }: Source): Slot {
  return {
    key,
    graphSha256: identity.sha256,
    stranger,
    group: groupOf(model),
    state: { kind: "empty" },
    useCount: 0,
    caller: "",
    usesEnded: 0,
    memoryBytes: 0,
  };
}

function isAwake({ state }: Slot): boolean {
  return state.kind === "ready" && state.loaded.alive;
}

function memoryOf(slots: readonly Slot[]): number {
  return slots.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
}

function stopping(): AppError {
  return new AppError("engine_unavailable", "The service is stopping.");
}
