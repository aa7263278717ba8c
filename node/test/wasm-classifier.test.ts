/** The WebAssembly function in worker threads, with an engine that answers the mean colour. */
import { availableParallelism } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AppError } from "../src/errors.js";
import type { ClientTensor } from "../src/generated/contract.js";
import type { Classifier, ClassifyOptions, ClassifyTarget } from "../src/ports.js";
import { createClassifier, targetOf } from "./support/classifier.js";
import { party, visitor } from "./support/party.js";
import { declaredPng, solidPng } from "./support/png.js";

const OPTIONS: ClassifyOptions = { topK: 3, scoreThreshold: 0, picture: false };
const TRAPPING_WORKER = new URL("./fixtures/trapping-worker.mjs", import.meta.url);

const target = (changes: Partial<ClassifyTarget> = {}) => targetOf("graph", { key: "fake", ...changes });

const blue = () => solidPng(8, 8, [0, 0, 255]);

/** A target that tells whenever a model is compiled from it. */
function toldOfReads(given: ClassifyTarget, told: () => void): ClassifyTarget {
  const { confidence } = given;
  return {
    ...given,
    get confidence() {
      told();
      return confidence;
    },
  };
}

describe("the classifier", () => {
  let classifier: Classifier;
  beforeAll(() => {
    classifier = createClassifier();
  });
  afterAll(async () => {
    await classifier.close();
  });

  it("answers label, index, probability, band and what the model saw", async () => {
    const answer = await classifier.classify(await target(), solidPng(40, 20, [0, 0, 255]), OPTIONS);
    expect(answer).toMatchObject({
      image: { width: 40, height: 20, format: "png" },
      label: "blue",
      index: 2,
      probability: expect.closeTo(0.576, 3),
      band: "high",
      input: { width: 8, height: 8, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(answer.top.map(({ label }) => label)).toEqual(["blue", "red", "green"]);
  });

  it("answers pixels that a client made as the image that they were made of, with the same hash", async () => {
    const pixels = new Uint8Array(Array.from({ length: 64 }, () => [0, 0, 255]).flat());
    const image = await classifier.classify(await target(), solidPng(40, 20, [0, 0, 255]), OPTIONS);
    const tensor: ClientTensor = { dtype: "uint8", shape: [8, 8, 3] };
    const answer = await classifier.classify(await target(), pixels, { ...OPTIONS, tensor });
    expect(answer.image).toEqual({ width: 8, height: 8, format: "pixels" });
    expect([answer.top, answer.input]).toEqual([image.top, image.input]);
  });

  it("answers what the graph is fed, and what the graph gave where that is asked for", async () => {
    const values = Float32Array.from(Array.from({ length: 64 }, () => [0, 1, 0]).flat());
    const tensor: ClientTensor = { dtype: "float32", shape: [8, 8, 3] };
    const asked = { ...OPTIONS, topK: 1, tensor, scores: true };
    const answer = await classifier.classify(await target(), new Uint8Array(values.buffer), asked);
    const [red, green, blue] = answer.scores ?? [];
    expect(answer).toMatchObject({ label: "green", probability: expect.closeTo(green ?? 0, 6) });
    expect([red, blue]).toEqual([expect.closeTo(0.2119, 3), expect.closeTo(0.2119, 3)]);
    const plain = await classifier.classify(await target(), solidPng(8, 8, [0, 255, 0]), OPTIONS);
    expect(plain).not.toHaveProperty("scores");
  });

  it.each<[string, ClassifyOptions["tensor"], Uint8Array]>([
    ["pixels of another shape", { dtype: "uint8", shape: [4, 16, 3] }, new Uint8Array(192)],
    ["too few bytes", { dtype: "float32", shape: [8, 8, 3] }, new Uint8Array(192)],
    [
      "a value that is not finite",
      { dtype: "float32", shape: [8, 8, 3] },
      new Uint8Array(new Float32Array(192).fill(NaN).buffer),
    ],
  ])("%s is field_invalid, and says what would fit", async (_what, tensor, bytes) => {
    const refused = classifier.classify(await target(), bytes, {
      ...OPTIONS,
      ...(tensor === undefined ? {} : { tensor }),
    });
    await expect(refused).rejects.toMatchObject({
      code: "field_invalid",
      message: expect.stringMatching(/\[8, 8, 3\]|finite/),
    });
  });

  it("answers many at once, more than it has threads", async () => {
    const one = await target();
    const colours = Array.from({ length: 30 }, (_, index) => index % 3);
    const answers = await Promise.all(
      colours.map((index) => {
        const colour = [0, 0, 0].map((_, channel) => (channel === index ? 255 : 0)) as [number, number, number];
        return classifier.classify(one, solidPng(16, 16, colour), OPTIONS);
      }),
    );
    expect(answers.map(({ index }) => index)).toEqual(colours);
  });

  it("answers the same whether the answer is made here or by a thread, and compiles a model once for each", async () => {
    const own = createClassifier({ threadCount: 1 });
    let count = 0;
    const counted = toldOfReads(await target({ key: "counted" }), () => {
      count += 1;
    });
    const ask = async (options: Partial<ClassifyOptions>) => {
      const { timings_ms: _, ...answer } = await own.classify(counted, blue(), { ...OPTIONS, ...options });
      return { answer, count };
    };
    const here = await ask({});
    expect(here.count).toBe(2);
    expect(here.answer).toMatchObject({ label: "blue", top: [{}, {}, {}] });
    for (const options of [{ everyClass: true }, { topK: 21 }]) expect(await ask(options)).toEqual(here);
    expect(await ask({})).toEqual(here);
    expect((await ask({ scores: true })).answer).toMatchObject(here.answer);
    expect((await ask({ picture: true })).answer).toMatchObject(here.answer);
    await own.close();
  });

  it.each([
    ["a client's graph", {}, { stranger: true }],
    ["every class", { everyClass: true }, {}],
    ["many classes", { topK: 21 }, {}],
    ["labels that take long to read", {}, { labels: Buffer.alloc(65 * 1024, "red\ngreen\nblue\n\n") }],
  ])("has a thread answer of %s", async (_, options, changes) => {
    const own = createClassifier({ threadCount: 1 });
    let count = 0;
    const counted = toldOfReads(await target(changes), () => {
      count += 1;
    });
    await own.classify(counted, blue(), { ...OPTIONS, ...options }).catch(() => {});
    expect(count).toBe(1);
    await own.close();
  });

  it("fails alone where an answer cannot be made here, with a new instance for those after it", async () => {
    const own = createClassifier({ threadCount: 1 });
    let count = 0;
    const one = await target({ key: "breaks" });
    const breaking = toldOfReads(one, () => {
      count += 1;
      if (count === 1) throw new Error("a trap");
    });
    expect((await own.classify(one, blue(), { ...OPTIONS, everyClass: true })).label).toBe("blue");
    const other = await target({ key: "other" });
    expect((await own.classify(other, blue(), OPTIONS)).label).toBe("blue");
    await expect(own.classify(breaking, blue(), OPTIONS)).rejects.toMatchObject({ code: "internal" });
    for (const asked of [breaking, other]) expect((await own.classify(asked, blue(), OPTIONS)).label).toBe("blue");
    expect(count).toBe(2);
    await own.close();
  });

  it("keeps labels of one key apart from those of another", async () => {
    const other = await target({ key: "other", labels: Buffer.from("rot\ngrün\nblau\n") });
    const image = () => solidPng(8, 8, [255, 0, 0]);
    expect((await classifier.classify(await target(), image(), OPTIONS)).label).toBe("red");
    expect((await classifier.classify(other, image(), OPTIONS)).label).toBe("rot");
  });

  it("gives a labelled photo away to the thread that views it, also where that has to be told of the model first", async () => {
    const one = await target({ key: "never seen" });
    const bytes = new Uint8Array(solidPng(16, 16, [255, 0, 0]));
    const decision = await classifier.decide(one, [{ label: "red", bytes }]);
    expect([decision.warnings, bytes.buffer.byteLength]).toEqual([[], 0]);
  });

  it("takes a labelled photo that came twice as one, and refuses it with two labels", async () => {
    let runs = 0;
    const one = await target({ key: "counted" });
    const exchange = (frame: Uint8Array) => {
      runs += 1;
      return one.exchange(frame);
    };
    const red = (label: string) => ({ label, bytes: new Uint8Array(solidPng(16, 16, [255, 0, 0])) });
    await classifier.decide({ ...one, key: "once", exchange }, [red("red")]);
    const once = runs;
    await classifier.decide({ ...one, key: "twice", exchange }, [red("red"), red("red")]);
    expect([once > 0, runs]).toEqual([true, 2 * once]);
    await expect(classifier.decide(one, [red("red"), red("blue")])).rejects.toMatchObject({
      code: "field_invalid",
      message: 'example_label=blue: the same photo came as "red" before; send it once.',
    });
  });

  it.each<[string, string | null, Buffer, string]>([
    ["nothing", "red", Buffer.alloc(0), 'Of the example_file labelled "red": The image is empty'],
    ["text", null, Buffer.from("hello"), "Of an example_file without a label: This is plain text"],
    ["a PNG that declares 60000x60000", "red", declaredPng(60_000, 60_000), 'labelled "red": The image is 60000x60000'],
  ])("%s in place of a photo by which settings are decided is named", async (_what, label, bytes, message) => {
    const examples = [
      { label: "blue", bytes: solidPng(8, 8, [0, 0, 255]) },
      { label, bytes },
    ];
    await expect(classifier.decide(await target(), examples)).rejects.toThrow(message);
  });

  it("describes a model with its labels, and a label file without a model", async () => {
    expect((await classifier.describe(await target())).labels).toMatchObject({ count: 3, offset: 0 });
    expect(await classifier.describeLabels(Buffer.from("a\nb\n"), party())).toEqual({ count: 2, format: "plain" });
  });

  it.each<[string, Buffer, string]>([
    ["text", Buffer.from("hello"), "image_unsupported"],
    ["nothing", Buffer.alloc(0), "image_missing"],
    ["a cut PNG", solidPng(300, 300, [1, 2, 3]).subarray(0, 60), "image_undecodable"],
    ["a PNG that declares 60000x60000", declaredPng(60_000, 60_000), "image_too_large"],
  ])("%s is refused with its code", async (_what, image, code) => {
    await expect(classifier.classify(await target(), image, OPTIONS)).rejects.toMatchObject({ code });
  });

  it("labels that do not fit are labels_mismatch", async () => {
    const wrong = await target({ key: "wrong", labels: Buffer.from("a\nb\nc\nd\ne\nf\n") });
    await expect(classifier.classify(wrong, solidPng(8, 8, [1, 1, 1]), OPTIONS)).rejects.toMatchObject({
      code: "labels_mismatch",
    });
  });

  it("reads large JSON in a thread, as small JSON here", async () => {
    for (const count of [10, 100_000]) {
      const values = Array.from({ length: count }, (_, index) => index / 4);
      const text = Buffer.from(JSON.stringify({ data: values }));
      let chargedBytes = 0;
      const visit = visitor((bytes) => {
        chargedBytes += bytes;
      });
      const read = await classifier.readJson(text, visit);
      expect(read).toEqual({ data: { shape: [count], values: Float64Array.from(values) } });
      if (count > 10) expect(chargedBytes).toBe(8 * count);
    }
    await expect(classifier.readJson(Buffer.alloc(2_000_001), visitor())).rejects.toMatchObject({
      code: "upload_too_large",
    });
    const broken = classifier.readJson(Buffer.alloc(100_000, "["), visitor());
    await expect(broken).rejects.toMatchObject({ code: "field_invalid" });
  });

  it("passes the engine's failure on as it is", async () => {
    const failure = new AppError("engine_failed", "The engine ended before it answered: it was ended by SIGKILL.");
    const dying = await target({ exchange: () => Promise.reject(failure) });
    await expect(classifier.classify(dying, solidPng(8, 8, [1, 1, 1]), OPTIONS)).rejects.toBe(failure);
  });

  it("works on other images while some wait for the engine", async () => {
    const count = 2 * availableParallelism();
    const patient = createClassifier({ threadCount: count });
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const one = await target();
    let waiting = 0;
    const slow = await target({
      exchange: async (frame) => {
        waiting += 1;
        await gate;
        return one.exchange(frame);
      },
    });
    const image = () => solidPng(8, 8, [255, 0, 0]);
    const held = Array.from({ length: count - 1 }, () => patient.classify(slow, image(), OPTIONS));
    await expect.poll(() => waiting).toBe(count - 1);
    expect((await patient.classify(one, image(), OPTIONS)).label).toBe("red");
    release();
    await Promise.all(held);
    await patient.close();
  });
});

describe("the memory of a thread", () => {
  /** Answers of every class are made by threads. */
  const BY_THREADS = { ...OPTIONS, everyClass: true };
  /** How often a single thread compiled the model for six small images after a large one and a rest. */
  async function compilations(memoryBytesKeptMax: number, sidePixels = 1000, restMs = 1000): Promise<number> {
    const imageLimits = { pixels_max: sidePixels ** 2, side_pixels_max: sidePixels };
    const classifier = createClassifier({ threadCount: 1, memoryBytesKeptMax, imageLimits });
    let count = 0;
    const counted = toldOfReads(await target(), () => {
      count += 1;
    });
    const large = solidPng(sidePixels, sidePixels, [255, 0, 0]);
    expect((await classifier.classify(counted, large, BY_THREADS)).label).toBe("red");
    await new Promise((resolve) => setTimeout(resolve, restMs));
    for (let image = 0; image < 6; image += 1) {
      expect((await classifier.classify(counted, solidPng(8, 8, [0, 0, 255]), BY_THREADS)).label).toBe("blue");
    }
    await classifier.close();
    return count;
  }

  // A thread rests for a quarter of a second before it gives back what it may not keep, and for six before all else.
  it("is given back by a fresh instance where an image took more than may be kept", async () => {
    // An instance starts with less than 4 MiB; 1000x1000 pixels take 3 MB more.
    expect(await compilations(4 * 1024 * 1024)).toBe(2);
  });

  it("is kept where it stays below", async () => {
    expect(await compilations(128 * 1024 * 1024)).toBe(1);
  });

  it("is kept while images come, and given back after a rest, where it is a good deal", async () => {
    expect(await compilations(128 * 1024 * 1024, 3000, 2500)).toBe(1);
    expect(await compilations(128 * 1024 * 1024, 3000, 9000)).toBe(2);
  });
});

describe("a thread that fails", () => {
  it("by a trap fails its own request with internal, is replaced, and others do not notice", async () => {
    const classifier = createClassifier({ workerFile: TRAPPING_WORKER });
    const one = await target();
    const image = () => solidPng(8, 8, [0, 255, 0]);
    const outcomes = await Promise.allSettled(
      [image(), Buffer.from("trap"), image(), Buffer.from("trap"), image(), image()].map((bytes) =>
        classifier.classify(one, bytes, OPTIONS),
      ),
    );
    const codes = outcomes.map((outcome) =>
      outcome.status === "fulfilled" ? outcome.value.label : (outcome.reason as AppError).code,
    );
    expect(codes).toEqual(["green", "internal", "green", "internal", "green", "green"]);
    for (let round = 0; round < 6; round += 1) {
      expect((await classifier.classify(one, image(), OPTIONS)).label).toBe("green");
    }
    await classifier.close();
  });

  it("by not coming to an end is engine_timeout, and is replaced", async () => {
    const classifier = createClassifier({ workerFile: TRAPPING_WORKER, imageMsMax: 8000, threadCount: 1 });
    const one = await target();
    expect((await classifier.classify(one, solidPng(8, 8, [0, 255, 0]), OPTIONS)).label).toBe("green");
    await expect(classifier.classify(one, Buffer.from("spin"), OPTIONS)).rejects.toMatchObject({
      code: "engine_timeout",
    });
    expect((await classifier.classify(one, solidPng(8, 8, [0, 255, 0]), OPTIONS)).label).toBe("green");
    await classifier.close();
  });
});
