/** Images that are kept: whose they are, what makes room, and who has a photo. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createImageStore } from "../src/images/image-store.js";
import type { DecodedPhoto, FirstLook, ImageStore } from "../src/ports.js";

const LIMITS = { imagesKeptMax: 10, imagesKeptBytesMax: 1000, imageKeptMsMax: 1000 };

const NEVER = new AbortController().signal;

const photoOf = (bytes: number): DecodedPhoto => ({ json: "{}", rgb: new Uint8Array(bytes) });
const lookOf = (fileBytes: number, photoBytes: number): FirstLook => ({
  bytes: new Uint8Array(fileBytes),
  image: { width: 1, height: 1, format: "png" },
  photo: photoOf(photoBytes),
  shrink: 1,
});
const keep = (store: ImageStore, caller: string, fileBytes: number, photoBytes: number) =>
  store.keep(caller, "photo.png", lookOf(fileBytes, photoBytes)).id;
/** Bytes of the photo that is kept of an image; 0 where there is none. */
const photoBytes = (store: ImageStore, caller: string, id: string, shrink = 1) =>
  store
    .find(caller, id)
    .withPhoto(shrink, NEVER, async (photo) => ({ photo, value: photo === null ? 0 : photo.rgb.length }));
const unknown = expect.objectContaining({ code: "image_unknown" });

describe("an image that is kept", () => {
  it("is its sender's alone, until it is removed", () => {
    const store = createImageStore(LIMITS);
    const id = keep(store, "a", 10, 30);
    expect(store.find("a", id)).toMatchObject({ name: "photo.png", bytes: { length: 10 } });
    expect(() => store.find("b", id)).toThrow(unknown);
    expect(() => store.remove("b", id)).toThrow(unknown);
    store.remove("a", id);
    expect(() => store.find("a", id)).toThrow(unknown);
    expect(() => store.remove("a", id)).toThrow(unknown);
  });

  it("makes room among its caller's own: photos first, then files, of what was used longest ago", async () => {
    const store = createImageStore(LIMITS);
    const [first, second] = [keep(store, "a", 100, 100), keep(store, "a", 100, 100)];
    store.find("a", first);
    // A caller alone has half: 500 bytes.
    const third = keep(store, "a", 100, 0);
    expect(await photoBytes(store, "a", second)).toBe(100);
    const fourth = keep(store, "a", 100, 0);
    expect(await photoBytes(store, "a", first)).toBe(0);
    expect(await photoBytes(store, "a", second)).toBe(100);
    const fifth = keep(store, "a", 200, 0);
    expect(() => store.find("a", third)).toThrow(unknown);
    for (const id of [first, second, fourth, fifth]) expect(store.find("a", id).bytes.length).toBeGreaterThan(0);
  });

  it("leaves as much to others as its caller has, and pushes out none of theirs", () => {
    const store = createImageStore(LIMITS);
    const greedy = Array.from({ length: 9 }, () => keep(store, "a", 100, 0));
    const others = ["b", "c", "d"].map((caller) => [caller, keep(store, caller, 100, 0)] as const);
    for (let count = 0; count < 9; count += 1) keep(store, "a", 100, 0);
    for (const [caller, id] of others) expect(store.find(caller, id).name).toBe("photo.png");
    expect(() => store.find("a", greedy[0] ?? "")).toThrow(unknown);
  });

  it("is refused where others have what it would take, and nothing is dropped for it", () => {
    const store = createImageStore(LIMITS);
    const kept = keep(store, "a", 100, 0);
    for (const caller of ["b", "c", "d"]) keep(store, caller, 200, 0);
    expect(() => keep(store, "a", 900, 0)).toThrow(expect.objectContaining({ code: "overloaded" }));
    expect(store.find("a", kept).bytes).toHaveLength(100);
    expect(() => keep(store, "e", 1001, 0)).toThrow(expect.objectContaining({ code: "overloaded" }));
  });

  it("counts whatever its size", () => {
    const store = createImageStore({ ...LIMITS, imagesKeptMax: 4 });
    const ids = Array.from({ length: 3 }, () => keep(store, "a", 1, 0));
    expect(() => store.find("a", ids[0] ?? "")).toThrow(unknown);
    expect(store.find("a", ids[2] ?? "").bytes).toHaveLength(1);
  });

  it("is counted with what was decoded of it, until both are gone", async () => {
    const store = createImageStore(LIMITS);
    const id = keep(store, "a", 100, 20);
    keep(store, "b", 10, 0);
    expect(store.kept).toEqual({ count: 2, bytes: 130 });
    await store.find("a", id).withPhoto(1, NEVER, async (photo) => {
      store.remove("a", id);
      expect(store.kept).toEqual({ count: 1, bytes: 30 });
      return { photo, value: null };
    });
    expect(store.kept).toEqual({ count: 1, bytes: 10 });
  });

  it("has no photo that takes more than there is room for", async () => {
    const store = createImageStore(LIMITS);
    const id = keep(store, "a", 100, 700);
    expect(await photoBytes(store, "a", id)).toBe(0);
  });
});

describe("time", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("counts from the last request that named the image, and gives its memory back", () => {
    const store = createImageStore(LIMITS);
    // Half of it, so that a second one has no room beside it.
    const id = keep(store, "a", 500, 0);
    vi.advanceTimersByTime(900);
    store.find("a", id);
    vi.advanceTimersByTime(900);
    store.find("a", id);
    vi.advanceTimersByTime(1100);
    expect(() => store.find("a", id)).toThrow(unknown);
    for (const caller of ["b", "c"]) keep(store, caller, 500, 0);
  });
});

describe("a photo", () => {
  it("is decoded once for each reduction, and kept", async () => {
    const store = createImageStore(LIMITS);
    const id = keep(store, "a", 10, 20);
    expect(await photoBytes(store, "a", id, 1)).toBe(20);
    expect(await photoBytes(store, "a", id, 4)).toBe(0);
    await store.find("a", id).withPhoto(4, NEVER, async () => ({ photo: photoOf(7), value: null }));
    expect(await photoBytes(store, "a", id, 4)).toBe(7);
    expect(await photoBytes(store, "a", id, 1)).toBe(20);
  });

  it("is one call's at a time", async () => {
    const image = createImageStore(LIMITS);
    const id = keep(image, "a", 10, 20);
    const kept = image.find("a", id);
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const order: string[] = [];
    const first = kept.withPhoto(1, NEVER, async (photo) => {
      order.push("first has it");
      await gate;
      order.push("first gives it back");
      return { photo, value: null };
    });
    const second = kept.withPhoto(1, NEVER, async (photo) => {
      order.push(`second has ${photo?.rgb.length}`);
      return { photo, value: null };
    });
    // Another reduction is another photo.
    await kept.withPhoto(2, NEVER, async (photo) => ({ photo, value: null }));
    expect(order).toEqual(["first has it"]);
    release();
    await Promise.all([first, second]);
    expect(order).toEqual(["first has it", "first gives it back", "second has 20"]);
  });

  it("is waited for until the request's own deadline, and whoever comes next gets it in turn", async () => {
    const store = createImageStore(LIMITS);
    const kept = store.find("a", keep(store, "a", 10, 20));
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let isLent = false;
    const use = (signal: AbortSignal, until = Promise.resolve()) =>
      kept.withPhoto(1, signal, async (photo) => {
        expect(isLent).toBe(false);
        isLent = true;
        await until;
        isLent = false;
        return { photo, value: photo?.rgb.length };
      });
    const first = use(NEVER, gate);
    const late = new AbortController();
    const second = use(late.signal);
    const third = use(NEVER);
    late.abort(new Error("too late"));
    await expect(second).rejects.toThrow("too late");
    release();
    expect(await Promise.all([first, third])).toEqual([20, 20]);
  });

  it("whose call failed is kept where its memory is still there, and else decoded anew", async () => {
    const store = createImageStore(LIMITS);
    const id = keep(store, "a", 10, 20);
    const fail = (isGivenAway: boolean) =>
      store.find("a", id).withPhoto(1, NEVER, async (photo) => {
        if (isGivenAway) structuredClone(photo?.rgb, { transfer: [photo?.rgb.buffer ?? new ArrayBuffer()] });
        throw new Error("trap");
      });
    await expect(fail(false)).rejects.toThrow("trap");
    expect(await photoBytes(store, "a", id)).toBe(20);
    await expect(fail(true)).rejects.toThrow("trap");
    expect(await photoBytes(store, "a", id)).toBe(0);
  });

  it("that comes back after its image was removed counts for nothing", async () => {
    const store = createImageStore(LIMITS);
    const id = keep(store, "a", 100, 400);
    await store.find("a", id).withPhoto(1, NEVER, async (photo) => {
      store.remove("a", id);
      // While the photo is with a call its bytes are still there.
      expect(() => keep(store, "b", 601, 0)).toThrow(expect.objectContaining({ code: "overloaded" }));
      return { photo, value: null };
    });
    keep(store, "b", 1000, 0);
  });
});
