/** A kept image in worker threads: the pixels of its file, decoded once, whatever is asked of it and whatever happens. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ROOT_DIR } from "../src/config.js";
import { createImageStore } from "../src/images/image-store.js";
import type { ClassifyOptions, KeptImage } from "../src/ports.js";
import { createClassifier, targetOf } from "./support/classifier.js";
import { party } from "./support/party.js";
import { solidPng } from "./support/png.js";

const OPTIONS: ClassifyOptions = { topK: 3, scoreThreshold: 0, picture: false };
const PHOTO = readFileSync(join(ROOT_DIR, "models/samples/daisy-1.jpg"));

const classifier = createClassifier({ imageLimits: { pixels_max: 50_000_000, side_pixels_max: 20_000 } });
afterAll(() => classifier.close());

/** A model of this side. */
const target = (side: number) => targetOf(`graph side=${side}`);

async function keep(bytes: Uint8Array, imagesKeptBytesMax = 100_000_000): Promise<KeptImage> {
  const store = createImageStore({ imagesKeptMax: 10, imagesKeptBytesMax, imageKeptMsMax: 60_000 });
  const look = await classifier.decode(new Uint8Array(bytes), party());
  return store.find("a", store.keep("a", "daisy", look).id);
}

const crop = (x: number, y: number, width: number, height: number): ClassifyOptions => ({
  ...OPTIONS,
  crop: { kind: "rectangle", x, y, width, height },
});

describe("a kept image", () => {
  it("is decoded as most models want it when it comes, and never again for them", async () => {
    const kept = await keep(PHOTO);
    const { timings_ms, image } = await classifier.classify(await target(224), kept, OPTIONS);
    expect(timings_ms.decode).toBe(0);
    expect(image).toMatchObject({ format: "jpeg" });
  });

  it("gives the answer of its file for every model and part, and is decoded once for each fraction", async () => {
    const kept = await keep(PHOTO);
    const decodes: number[] = [];
    for (const round of [0, 1]) {
      for (const side of [8, 16, 32, 64, 224]) {
        const model = await target(side);
        for (const options of [OPTIONS, crop(10, 20, 120, 100), crop(3, 5, 40, 33)]) {
          const { timings_ms, ...byFile } = await classifier.classify(model, new Uint8Array(PHOTO), options);
          const { timings_ms: keptTimings, ...byId } = await classifier.classify(model, kept, options);
          expect(byId).toEqual(byFile);
          if (keptTimings.decode > 0) decodes.push(round);
        }
      }
    }
    // Of 1, 2, 4 and 8; one was there from the start.
    expect(decodes).toEqual([0, 0, 0]);
  });

  it("is the same for maps", async () => {
    const model = await target(16);
    const why = { class: null, method: "occlusion", detail: 4, masks: null } as const;
    const byFile = await classifier.explain(model, new Uint8Array(PHOTO), OPTIONS, why);
    const byId = await classifier.explain(model, await keep(PHOTO), OPTIONS, why);
    expect(byId.explanation).toEqual(byFile.explanation);
  });

  it("answers many at once", async () => {
    const kept = await keep(PHOTO);
    const model = await target(32);
    const asked = Array.from({ length: 20 }, (_, x) => crop(x, x, 100, 100));
    const answers = await Promise.all(asked.map((options) => classifier.classify(model, kept, options)));
    for (const [index, options] of asked.entries()) {
      const byFile = await classifier.classify(model, new Uint8Array(PHOTO), options);
      expect(answers[index]?.input).toEqual(byFile.input);
    }
    expect(answers.filter(({ timings_ms }) => timings_ms.decode > 0).length).toBeLessThanOrEqual(1);
  });

  it("without room for its photo is decoded each time, and answers the same", async () => {
    const kept = await keep(PHOTO, PHOTO.length + 1000);
    const model = await target(32);
    const byFile = await classifier.classify(model, new Uint8Array(PHOTO), OPTIONS);
    for (let count = 0; count < 2; count += 1) {
      const { input, timings_ms } = await classifier.classify(model, kept, OPTIONS);
      expect(input).toEqual(byFile.input);
      expect(timings_ms.decode).toBeGreaterThan(0);
    }
  });

  it("outside of which a part lies is refused, and its photo stays", async () => {
    const kept = await keep(PHOTO);
    const model = await target(224);
    await expect(classifier.classify(model, kept, crop(0, 0, 9999, 1))).rejects.toMatchObject({
      code: "field_invalid",
      message: expect.stringContaining("crop=0,0,9999,1"),
    });
    expect((await classifier.classify(model, kept, OPTIONS)).timings_ms.decode).toBe(0);
  });

  it("is decoded whole where its format has no fractions", async () => {
    const kept = await keep(solidPng(900, 700, [0, 0, 255]));
    const answer = await classifier.classify(await target(8), kept, OPTIONS);
    expect(answer).toMatchObject({ label: "blue", image: { width: 900, height: 700 }, timings_ms: { decode: 0 } });
  });

  it("that is broken is refused when it comes", async () => {
    await expect(keep(PHOTO.subarray(0, 5000))).rejects.toMatchObject({ code: "image_undecodable" });
    await expect(keep(Buffer.from("none"))).rejects.toMatchObject({ code: "image_unsupported" });
  });
});
