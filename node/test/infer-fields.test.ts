import { describe, expect, it } from "vitest";
import { AppError } from "../src/errors.js";
import { type InferRequest, parseExamples, parseInferFields } from "../src/routes/infer-fields.js";

const IMAGE = { name: "a.png", bytes: new Uint8Array(1), sha256: "" };

function parse(fields: Record<string, string | string[]>): InferRequest {
  const entries = Object.entries(fields).map(([name, value]) => [name, [value].flat()] as const);
  return parseInferFields({ images: [IMAGE], examples: [], graph: null, labels: null, fields: new Map(entries) }, 3);
}

function overridesOf(fields: Record<string, string>) {
  return parse(fields).settings.overrides;
}

describe("the fields of a request", () => {
  it("have defaults", () => {
    expect(parse({})).toEqual({
      choices: [{ kind: "zoo", id: null, version: null }],
      settings: { overrides: {}, labelOffset: null },
      examples: [],
      options: { topK: 5, scoreThreshold: 0, picture: false },
    });
  });

  it("take a photo without a label as one of which nobody says what it shows", () => {
    const fields = new Map([["example_label", ["roses", "", " "]]]);
    const upload = { images: [], examples: [IMAGE, IMAGE, IMAGE], graph: null, labels: null, fields };
    expect(parseExamples(upload).map(({ label }) => label)).toEqual(["roses", null, null]);
    const none = { ...upload, examples: [], fields: new Map([["example_label", [""]]]) };
    expect(parseExamples(none)).toEqual([]);
  });

  it.each<[Record<string, string>, object]>([
    [{ size: "224" }, { width: 224, height: 224 }],
    [{ size: "320x240" }, { width: 320, height: 240 }],
    [
      { input_tensor: "input:0", output_tensor: "a/b_1" },
      { input_tensor: "input", output_tensor: "a/b_1" },
    ],
    [{ resize: "center-crop" }, { resize: "center-crop" }],
    [{ resize_filter: "bilinear" }, { resize_filter: "bilinear" }],
    [{ crop_fraction: "0.875" }, { crop_fraction: 0.875 }],
    [{ channel_order: "GRAY" }, { channel_order: "GRAY" }],
    [{ normalization: "0..1" }, { mean: [0], std: [255] }],
    [{ normalization: "-1..1" }, { mean: [127.5], std: [127.5] }],
    [{ normalization: "0..255" }, { mean: [0], std: [1] }],
    [
      { normalization: "imagenet" },
      { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375], channel_order: "RGB" },
    ],
    [{ normalization: "caffe" }, { mean: [103.939, 116.779, 123.68], std: [1], channel_order: "BGR" }],
    [
      { normalization: "caffe", channel_order: "RGB" },
      { mean: [123.68, 116.779, 103.939], std: [1], channel_order: "RGB" },
    ],
    [{ normalization: "mean=128;std=64" }, { mean: [128], std: [64] }],
    [{ normalization: "mean=1,2,3; std=4,5,6" }, { mean: [1, 2, 3], std: [4, 5, 6], channel_order: "RGB" }],
    [
      { normalization: "mean=1,2,3;std=4,5,6", channel_order: "BGR" },
      { mean: [3, 2, 1], std: [6, 5, 4], channel_order: "BGR" },
    ],
    [
      { normalization: "0..1", channel_order: "GRAY" },
      { mean: [0], std: [255], channel_order: "GRAY" },
    ],
    [
      { normalization: "imagenet", channel_order: "GRAY" },
      { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375], channel_order: "GRAY" },
    ],
  ])("%j become the overrides %j", (fields, overrides) => {
    expect(overridesOf(fields)).toEqual(overrides);
  });

  it("name models with and without a version", () => {
    expect(parse({ model: ["flowers5", "waste6@2"] }).choices).toEqual([
      { kind: "zoo", id: "flowers5", version: null },
      { kind: "zoo", id: "waste6", version: "2" },
    ]);
  });

  it("name a part of the image", () => {
    expect(parse({ crop: "1,2,3,4" }).options.crop).toEqual({ kind: "rectangle", x: 1, y: 2, width: 3, height: 4 });
    expect(parse({ point: "5, 6" }).options.crop).toEqual({ kind: "point", x: 5, y: 6, side: null });
    expect(parse({ point: "5,6,7" }).options.crop).toEqual({ kind: "point", x: 5, y: 6, side: 7 });
  });

  it.each<[string, string | string[], RegExp]>([
    ["top_k", "0", /top_k=0: it must be a whole number from 1 to 100/],
    ["top_k", "1.5", /whole number/],
    ["top_k", "", /whole number/],
    ["top_k", "1e1", /whole number/],
    ["score_threshold", "1.01", /score_threshold=1.01: it must be a number from 0 to 1/],
    ["score_threshold", "NaN", /from 0 to 1/],
    ["size", "0", /sides from 1 to 4096/],
    ["size", "9999", /sides from 1 to 4096/],
    ["size", "224x", /one side/],
    ["normalization", "half", /must be one of 0..1/],
    ["normalization", "mean=1,2;std=1", /mean=r,g,b/],
    ["normalization", "mean=0;std=0", /no std of 0/],
    ["normalization", "mean=Infinity;std=1", /mean=r,g,b/],
    ["normalization", "constructor", /must be one of/],
    ["channel_order", "rgb", /RGB, BGR or GRAY/],
    ["label_offset", "200", /from -100 to 100/],
    ["resize", "squash", /stretch, center-crop or pad/],
    ["resize_filter", "cubic", /antialias, bilinear or nearest/],
    ["crop_fraction", "0", /crop_fraction=0: it must be a number from 0.1 to 1/],
    ["crop", "1,2,3", /x,y,w,h/],
    ["crop", "1,2,0,4", /at least one pixel/],
    ["crop", "-1,2,3,4", /x,y,w,h/],
    ["point", "1,2,0", /side of at least 1/],
    ["model_sha256", "abc", /64 hex digits/],
    ["input_tensor", "a b", /name of a node/],
    ["picture", "yes", /0, 1, true or false/],
    ["size", ["1", "2"], /size=1 and 2: it may be sent once/],
    ["model", ["a", "b", "c", "d"], /3 times at most/],
  ])("%s=%s is field_invalid", (name, value, message) => {
    const complain = () => parse({ [name]: value });
    expect(complain).toThrow(AppError);
    expect(complain).toThrow(message);
    expect(complain).toThrow(expect.objectContaining({ code: "field_invalid" }));
  });

  it("that contradict each other are field_invalid", () => {
    expect(() => parse({ crop: "0,0,1,1", point: "1,1" })).toThrow(/together with crop/);
    expect(() => parse({ model: "a", model_sha256: "0".repeat(64) })).toThrow(/together with model/);
  });
});
