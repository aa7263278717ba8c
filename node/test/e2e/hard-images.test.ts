/** Hard images through the real service: each answered or refused with its code, and the service goes on. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { form } from "../support/fake-service.js";
import { hardImages } from "../support/hard-images.js";
import { solidPng } from "../support/png.js";
import { serveColours } from "../support/server.js";

const CUTS = [0.05, 0.5, 0.95];
const AT_ONCE = 8;

const images = hardImages();

describe.skipIf(images.length === 0)("the service, sent hard images", () => {
  const server = serveColours();

  /** The decoded format, or the code of the problem. */
  async function outcomeOf(image: Buffer): Promise<string> {
    const response = await fetch(`${server().url}/infer?format=json`, {
      method: "POST",
      body: form({ image_file: image }),
    });
    const body = (await response.json()) as { code?: string; results?: { image: { format: string } }[] };
    return body.code ?? body.results?.[0]?.image.format ?? "nothing";
  }

  it("whole and cut answers each as it should, and then an ordinary one", async () => {
    const jobs = images.flatMap(({ file, path, outcomes }) => {
      const image = readFileSync(path);
      const cuts = CUTS.map((share) => ({
        what: `${file} cut at ${share}`,
        image: image.subarray(0, Math.floor(image.length * share)),
        outcomes: [...outcomes, "image_missing", "image_undecodable", "image_unsupported"],
      }));
      return [{ what: file, image, outcomes }, ...cuts];
    });
    expect(jobs.length).toBe(images.length * (CUTS.length + 1));
    const wrong: string[] = [];
    const queue = jobs.values();
    const client = async () => {
      for (const { what, image, outcomes } of queue) {
        const outcome = await outcomeOf(image);
        if (!outcomes.includes(outcome)) wrong.push(`${what}: ${outcome}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, client));
    expect(wrong).toEqual([]);
    expect(await outcomeOf(solidPng(8, 8, [255, 0, 0]))).toBe("png");
    expect(server().log()).not.toContain('"level":50');
  });
});
