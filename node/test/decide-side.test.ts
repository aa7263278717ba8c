/** Which side labelled photos give an input that a graph leaves open. */
import { describe, expect, it } from "vitest";
import { decided } from "../src/decide.js";
import { AppError } from "../src/errors.js";
import type { Decision, SpecOverrides } from "../src/generated/contract.js";
import type { Classifier, ModelChoice, ModelSettings, Models, OpenModel, Party } from "../src/ports.js";

const LABELS = ["cat", "dog", "bird"];
const NAMED = { overrides: {}, labelOffset: null } as unknown as ModelSettings;

/** A graph that takes 224 by `source`, and answers photos by the logarithm that `logOf` gives for its side. */
async function sideOf(source: string, logOf: (side: number) => number, labels: readonly (string | null)[] = LABELS) {
  const sides: number[] = [];
  const photos = labels.map((label, place) => ({ label, bytes: Uint8Array.of(place) }));
  const models = {
    use: async <T>(
      _choice: ModelChoice,
      { overrides }: { overrides: SpecOverrides },
      _party: Party,
      work: (model: OpenModel) => Promise<T>,
    ) => {
      const side = overrides.width ?? 224;
      const input = { width: side, height: side, mean: [0], std: [1], dtype: "float32", resize: "stretch" };
      const evidence = [{ field: "input.width", value: 224, source, confidence: 0.5, because: "most take it" }];
      return await work({ target: { spec: { input, evidence } } } as unknown as OpenModel);
    },
  } as unknown as Models;
  const classifier = {
    decide: async (
      { spec }: { spec: { input: { width: number } } },
      given: readonly { bytes: Uint8Array<ArrayBuffer> }[],
    ): Promise<Decision> => {
      sides.push(spec.input.width);
      // As a thread takes them.
      for (const [place, { bytes }] of given.entries()) {
        expect([...bytes]).toEqual([place]);
        structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
      }
      return { overrides: {}, evidence: [], warnings: [], labels_log: logOf(spec.input.width) };
    },
  } as unknown as Classifier;
  let heldBytes = 0;
  const party = {
    hold: (bytes: number) => {
      heldBytes += bytes;
      return () => {
        heldBytes -= bytes;
      };
    },
  } as unknown as Party;
  const settings = await decided({ models, classifier }, party, {} as ModelChoice, NAMED, photos);
  expect(heldBytes).toBe(0);
  return { sides, settings };
}

describe("labelled photos", () => {
  it("choose the side that their labels fit best, and say so, where the graph leaves it open", async () => {
    const { sides, settings } = await sideOf("prior", (side) => (side === 128 ? -0.5 : -8));
    expect(sides).toEqual([224, 64, 96, 128, 160, 192, 299, 128]);
    expect(settings.overrides).toMatchObject({ width: 128, height: 128 });
    const [width, height] = settings.decided?.evidence ?? [];
    expect(width).toMatchObject({ field: "input.width", value: 128, source: "examples", confidence: 0.89 });
    expect(width?.because).toBe(
      "the best of 7 sides that were tried on 3 labelled photos; the graph alone: 224 at 0.50, most take it",
    );
    expect(height).toMatchObject({ field: "input.height", value: 128 });
  });

  it("leave the usual side where another one fits hardly better, and try none where the graph states its own", async () => {
    const near = await sideOf("prior", (side) => (side === 128 ? -0.5 : -1.5));
    expect(near.settings.overrides).toEqual({});
    const { sides } = await sideOf("read", () => -1);
    expect(sides).toEqual([224]);
  });

  it("pass over a side that the graph does not run at, and end with any other error", async () => {
    const failing = (code: "engine_failed" | "engine_timeout") => (side: number) => {
      if (side === 96) throw new AppError(code, "no");
      return side === 64 ? -0.5 : -9;
    };
    expect((await sideOf("prior", failing("engine_failed"))).settings.overrides).toMatchObject({ width: 64 });
    await expect(sideOf("prior", failing("engine_timeout"))).rejects.toMatchObject({ code: "engine_timeout" });
  });

  it("without labels say nothing of the side", async () => {
    const { sides } = await sideOf("prior", () => -1, [null, null]);
    expect(sides).toEqual([224]);
  });
});
