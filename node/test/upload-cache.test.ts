import { describe, expect, it } from "vitest";
import { UploadCache } from "../src/models/upload-cache.js";
import type { UploadedFile, UploadedGraph } from "../src/ports.js";

const graph = (sha256: string, byteLength = 100): UploadedGraph => ({ name: "", sha256, byteLength, pieces: [] });
const labels = (name: string): UploadedFile => ({ name, sha256: name, bytes: Buffer.from(name) });

describe("kept uploads", () => {
  it("are found by whoever knows the hash, with labels of their own alone", () => {
    const cache = new UploadCache(1000);
    cache.put("a", { graph: graph("g"), labels: labels("of a") });
    cache.put("b", { graph: graph("g"), labels: labels("of b") });
    expect(cache.get("a", "g")?.labels?.name).toBe("of a");
    expect(cache.get("b", "g")?.labels?.name).toBe("of b");
    expect(cache.get("c", "g")).toEqual({ graph: graph("g"), labels: null });
    expect(cache.get("a", "h")).toBeUndefined();
  });

  it("share the bytes of one graph", () => {
    const cache = new UploadCache(1000);
    const first = graph("g");
    cache.put("a", { graph: first, labels: null });
    cache.put("b", { graph: { ...first }, labels: null });
    expect(cache.get("b", "g")?.graph).toBe(first);
  });

  it("make room by what its caller used longest ago", () => {
    const cache = new UploadCache(250);
    for (const name of ["1", "2"]) cache.put("a", { graph: graph(name), labels: null });
    cache.get("a", "1");
    cache.put("a", { graph: graph("3"), labels: null });
    expect(["1", "2", "3"].map((name) => cache.get("a", name) !== undefined)).toEqual([true, false, true]);
  });

  it("are pushed out by nobody who holds more", () => {
    const cache = new UploadCache(300);
    cache.put("small", { graph: graph("s"), labels: null });
    for (const name of ["1", "2", "3", "4"]) cache.put("large", { graph: graph(name), labels: null });
    expect(cache.get("small", "s")).toBeDefined();
    expect(["1", "2", "3", "4"].filter((name) => cache.get("large", name) !== undefined)).toEqual(["3", "4"]);
  });

  it("give room to a caller who holds less", () => {
    const cache = new UploadCache(300);
    for (const name of ["1", "2", "3"]) cache.put("large", { graph: graph(name), labels: null });
    cache.put("small", { graph: graph("s"), labels: null });
    expect(cache.get("small", "s")).toBeDefined();
    expect(["1", "2", "3"].filter((name) => cache.get("large", name) !== undefined)).toEqual(["2", "3"]);
  });

  it("stay where one comes that is too large to keep", () => {
    const cache = new UploadCache(300);
    cache.put("a", { graph: graph("1", 200), labels: null });
    cache.put("a", { graph: graph("2", 301), labels: null });
    cache.put("b", { graph: graph("3", 250), labels: null });
    expect(["1", "2", "3"].map((name) => cache.get("a", name) !== undefined)).toEqual([true, false, false]);
  });
});
