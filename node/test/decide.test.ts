/** What labelled photos may take while they are tried. */
import { describe, expect, it } from "vitest";
import { type Bench, Decisions } from "../src/images/decide.js";
import type { ClassifyTarget } from "../src/ports.js";

const PHOTOS = [{ label: "red", bytes: Uint8Array.of(1) }];

function tried(side: number) {
  const events: string[] = [];
  const hold = (bytes: number) => {
    events.push(`holds ${bytes}`);
    return () => void events.push(`gives back ${bytes}`);
  };
  const input = { dtype: "float32", width: side, height: side, channels: 3, batch: null };
  const target = {
    key: "k",
    spec: { input },
    imagesMax: 16,
    tensors: true,
    party: { hold },
  } as unknown as ClassifyTarget;
  const call: Bench["call"] = async (_kind, { kind }) => {
    events.push(kind);
    throw new Error("the thread ended");
  };
  const bench: Bench = { optionsJson: "{}", memoryBytesKeptMax: 1, call, exchange: async (frame) => frame };
  return { events, outcome: new Decisions().of(target, PHOTOS, bench) };
}

describe("labelled photos", () => {
  it("are counted with all views before these are made, and given back where that fails", async () => {
    const { events, outcome } = tried(100);
    await expect(outcome).rejects.toThrow("the thread ended");
    expect(events).toEqual(["holds 480000", "holds 450000", "exampleViews", "gives back 450000", "gives back 480000"]);
  });

  it("are refused before anything is made where the input is so large that their views would take gigabytes", async () => {
    const { events, outcome } = tried(4096);
    await expect(outcome).rejects.toMatchObject({
      code: "field_invalid",
      message: expect.stringContaining("4096 x 4096"),
    });
    expect(events).toEqual([]);
  });
});
