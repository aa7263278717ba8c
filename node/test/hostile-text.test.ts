/** Text of a client that terminals, browsers or readers of logs would obey, wherever it may turn up. */
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";

const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const JSON_TYPE = "application/json";
const HOSTILE: readonly (readonly [string, string])[] = [
  ["the end of a script", "</script><script>alert(1)</script>"],
  ["an attribute", '"><img src=x onerror=alert(1)>'],
  ["a colour of a terminal", "\u001b[31mred\u001b[0m"],
  ["the title of a terminal, in C1 controls", "\u009d0;owned\u009c"],
  ["a bell, a backspace and a NUL", "a\u0007\b\u0000b"],
  ["a writing direction", "gpj.\u202eexe\u2066\u2069"],
  ["separators of lines", 'a\u2028b\u2029c\u0085{"level":60}'],
  ["a carriage return", "good\rDetected <b>bad</b>"],
];
/** What no answer for people, no header and no log may hold. Newlines are the service's own. */
const MARKUP = /<script>|<img src=x/;
const CONTROLS = /(?!\n)[\p{Cc}\u2028-\u202e\u2066-\u2069]/u;

let service: FakeService;
beforeAll(async () => {
  service = await startFakeService();
});
afterAll(() => service.close());

const infer = (parts: Parameters<typeof form>[0], accept: string, fileName = "photo.png") =>
  fetch(`${service.url}/infer`, { method: "POST", body: form(parts, fileName), headers: { accept } });

function textIn(response: Response): string {
  return [...response.headers].flat().join("\n");
}

function expectHarmless(shown: string): void {
  expect(shown).not.toMatch(MARKUP);
  expect(shown).not.toMatch(CONTROLS);
}

describe.each(HOSTILE)("%s", (_what, text) => {
  const red = Buffer.from("red");

  it("as a label is text in every form of the answer", async () => {
    const labels = Buffer.from(`${text}\nb\nc\n`);
    const parts = { image_file: red, model_file: Buffer.from(`graph ${text}`), label_file: labels };
    for (const accept of ["*/*", BROWSER]) {
      const response = await infer(parts, accept);
      expect(response.status).toBe(200);
      expectHarmless(await response.text());
      expectHarmless(textIn(response));
    }
    const plain = await (await infer(parts, "text/plain")).text();
    expect(plain).not.toMatch(CONTROLS);
    expect(plain.trimEnd().split("\n")).toHaveLength(1);
    const { results } = (await (await infer(parts, JSON_TYPE)).json()) as { results: { label: string }[] };
    expect(results[0]?.label).toBe(text.trim());
  });

  it("as a file name is text in a page, or refused where no form may carry it", async () => {
    const parts = { image_file: [red, Buffer.from("no image")] };
    const response = await infer(parts, BROWSER, text);
    expectHarmless(await response.text());
    expectHarmless(textIn(response));
    expect([200, 400]).toContain(response.status);
  });

  it.each(["model", "top_k", "size", "normalization", "image_url", "crop"])(
    "as %s is text in the problem",
    async (name) => {
      const response = await infer({ image_file: [red, red], [name]: text }, BROWSER);
      expectHarmless(await response.text());
      expectHarmless(textIn(response));
      const alone = await infer({ [name]: text, image_file: Buffer.from(text) }, BROWSER);
      expect(alone.status).toBeGreaterThanOrEqual(400);
      expectHarmless(await alone.text());
    },
  );

  it("as the name of a field or a path is text", async () => {
    const responses = [
      await infer({ [text]: red }, BROWSER),
      ...(await Promise.all(
        [
          `/${encodeURIComponent(text)}`,
          `/api/models/${encodeURIComponent(text)}`,
          `/api/models/${encodeURIComponent(text)}/labels`,
        ].map((path) => fetch(service.url + path, { headers: { accept: BROWSER } })),
      )),
    ];
    for (const response of responses) {
      expect(response.status).toBeGreaterThanOrEqual(400);
      expectHarmless(await response.text());
      expectHarmless(textIn(response));
    }
  });

  it("as a header comes back in none", async () => {
    const value = Buffer.from(text.replace(/\p{Cc}/gu, "")).toString("latin1");
    const headers = await new Promise<string>((resolve, reject) => {
      const sent = {
        "x-request-id": value,
        accept: value,
        origin: value,
        "x-forwarded-for": value,
        authorization: value,
      };
      request(`${service.url}/api/models`, { headers: sent }, (response) => {
        response.resume();
        resolve(response.rawHeaders.join("\n"));
      })
        .once("error", reject)
        .end();
    });
    expectHarmless(headers);
    expect(headers).toMatch(/^x-request-id\n[A-Za-z0-9._-]+\n/);
  });
});

it("the log holds none of it raw, and each of its lines is JSON of one line", () => {
  expect(service.logLines.length).toBeGreaterThan(50);
  const log = service.logLines.join("");
  expect(log).toMatch(/alert\(1\)/);
  for (const line of service.logLines) {
    expect(line).not.toMatch(CONTROLS);
    expect(line.indexOf("\n")).toBe(line.length - 1);
    expect(JSON.parse(line)).toHaveProperty("level");
  }
});
