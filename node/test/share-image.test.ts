/** An image for several models: who has its bytes, and what is left where they are lost. */
import { describe, expect, it } from "vitest";
import { AppError } from "../src/errors.js";
import type { KeptImage, SharedImage } from "../src/ports.js";
import { shareImage } from "../src/share-image.js";
import { createClassifier, targetOf } from "./support/classifier.js";
import { solidPng } from "./support/png.js";

const shared = (bytes: Uint8Array, turnCount: number) => shareImage(bytes, turnCount) as SharedImage;
/** Gives it away as a thread does, and takes it back. */
const moved = (bytes: Uint8Array) => structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] });

describe("an image for several models", () => {
  it("is with one call at a time, in their order, and the last one keeps it", async () => {
    const image = shared(Uint8Array.of(1, 2, 3), 3);
    const seen: string[] = [];
    const call = (name: string) =>
      image.withBytes(async (bytes, giveBack) => {
        seen.push(`${name} has ${bytes.join()}`);
        const there = moved(bytes);
        await new Promise((resolve) => setTimeout(resolve, 5));
        seen.push(`${name} ${giveBack === undefined ? "keeps" : "gives back"}`);
        giveBack?.(there);
        return name;
      });
    expect(await Promise.all([call("a"), call("b"), call("c")])).toEqual(["a", "b", "c"]);
    expect(seen).toEqual(["a has 1,2,3", "a gives back", "b has 1,2,3", "b gives back", "c has 1,2,3", "c keeps"]);
  });

  it("is there for the next one where a call fails and gives it back, and fails them alike where it does not", async () => {
    const image = shared(Uint8Array.of(1), 4);
    const refused = image.withBytes(async (bytes, giveBack) => {
      giveBack?.(bytes);
      throw new Error("not for this model");
    });
    await expect(refused).rejects.toThrow("not for this model");
    const lost = image.withBytes(() => Promise.reject(new Error("the thread ended")));
    await expect(lost).rejects.toThrow("the thread ended");
    await expect(image.withBytes(async () => "seen")).rejects.toThrow("the thread ended");
  });

  it("that is kept is asked of as it is", () => {
    const kept = { name: "photo" } as KeptImage;
    expect(shareImage(kept, 2)).toBe(kept);
  });

  it("is decoded by real threads for each of them, and refused for each where it is no image", async () => {
    const classifier = createClassifier();
    try {
      const targets = await Promise.all(["one", "two", "three"].map((key) => targetOf("graph", { key })));
      const ask = async (bytes: Uint8Array) => {
        const image = shared(bytes, targets.length);
        const options = { topK: 1, scoreThreshold: 0, picture: false };
        return await Promise.allSettled(targets.map((target) => classifier.classify(target, image, options)));
      };
      const answers = await ask(solidPng(40, 20, [0, 0, 255]));
      expect(answers).toMatchObject(targets.map(() => ({ value: { label: "blue" } })));
      const refused = await ask(new Uint8Array(2_000_000));
      for (const outcome of refused) {
        expect(outcome).toMatchObject({ reason: expect.any(AppError) });
        expect(outcome).toMatchObject({ reason: { code: "image_unsupported" } });
      }
    } finally {
      await classifier.close();
    }
  });
});
