/** What the service tells of itself, and the photos that its models come with. */
import { describe, expect, it } from "vitest";
import type { KeyHolder } from "../src/ports.js";
import { startFakeService } from "./support/fake-service.js";

const HOLDERS = new Map<string, KeyHolder>([["good", { role: "models", name: "one" }]]);

async function told(url: string, headers: Record<string, string> = {}): Promise<object> {
  return (await (await fetch(`${url}/api/service`, { headers })).json()) as object;
}

describe("GET /api/service", () => {
  it("tells what a key may do, and what one may do without", async () => {
    const service = await startFakeService({ anonymousRole: "infer" }, { find: (key) => HOLDERS.get(key) });
    try {
      expect(await told(service.url)).toMatchObject({ role: "infer", keys: true });
      expect(await told(service.url, { "x-api-key": "good" })).toMatchObject({ role: "models" });
      expect(await told(service.url, { authorization: "Bearer good" })).toMatchObject({ role: "models" });
      expect(await told(service.url, { "x-api-key": "unknown" })).toMatchObject({ role: "none" });
    } finally {
      await service.close();
    }
  });

  it("tells the limits as they are set, and whether addresses are allowed, but not which", async () => {
    const service = await startFakeService({ imageBytesMax: 1234, imageUrlHosts: ["photos.example.org"] });
    try {
      const facts = await told(service.url);
      expect(facts).toMatchObject({ role: "admin", keys: false, image_url: true, limits: { image_bytes_max: 1234 } });
      expect(JSON.stringify(facts)).not.toContain("example.org");
    } finally {
      await service.close();
    }
  });
});

describe("a model's samples", () => {
  it("are listed and come as they are; any other name is not found", async () => {
    const service = await startFakeService();
    const at = (path: string) => fetch(`${service.url}/api/models/${path}`);
    try {
      expect(await (await at("colours/samples")).json()).toEqual({ samples: ["red.png"] });
      const photo = await at("colours/samples/red.png");
      expect([photo.headers.get("content-type"), await photo.text()]).toEqual(["image/png", "red"]);
      for (const name of ["blue.png", "..%2f..%2fpackage.json"]) {
        expect((await at(`colours/samples/${name}`)).status).toBe(404);
      }
      expect((await at("nope/samples")).status).toBe(404);
    } finally {
      await service.close();
    }
  });
});
