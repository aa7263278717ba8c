/** The log: one line a request, for programs and for people. */
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "../src/errors.js";
import { createLogger, prettyLines } from "../src/observe/logger.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";

const red = Buffer.from("red");

let service: FakeService;
beforeAll(async () => {
  service = await startFakeService();
});
afterAll(() => service.close());
beforeEach(() => service.logLines.splice(0));

const lines = () => service.logLines.map((line) => JSON.parse(line) as Record<string, unknown>);

const infer = (parts: Parameters<typeof form>[0], id: string) =>
  fetch(`${service.url}/infer`, {
    method: "POST",
    body: form(parts),
    headers: { accept: "application/json", "x-request-id": id },
  });

/** The lines of a request, once it has ended. */
async function linesOf(id: string) {
  const own = () => lines().filter((line) => line["request_id"] === id);
  await expect.poll(() => own().length).toBeGreaterThan(0);
  return own();
}

describe("a request is one line", () => {
  it("with its id, its models, its outcome and where its time went", async () => {
    await infer({ image_file: [red, Buffer.from("blue")], model: "colours" }, "whole");
    expect(await linesOf("whole")).toEqual([
      expect.objectContaining({
        msg: "answered",
        method: "POST",
        path: "/infer",
        status: 200,
        outcome: "ok",
        models: ["colours"],
        answers: 2,
        stages_ms: { decode: 2, resize: 2, queue: 2, run: 2, interpret: 2 },
        ms: expect.any(Number),
      }),
    ]);
  });

  it("with the code and the reason where it is refused", async () => {
    await infer({ image_file: red, model: "no-such" }, "refused");
    const [line, ...others] = await linesOf("refused");
    expect(others).toEqual([]);
    expect(line).toMatchObject({
      level: 30,
      msg: "refused",
      status: 404,
      outcome: "model_unknown",
      models: ["unknown"],
    });
    expect(line?.["detail"]).toContain("no-such");
  });

  it("with the cause, as an error, where it failed", async () => {
    await infer({ image_file: Buffer.from("trap") }, "trap");
    const [line, ...others] = await linesOf("trap");
    expect(others).toEqual([]);
    expect(line).toMatchObject({ level: 50, msg: "failed", status: 500, outcome: "internal" });
    expect(JSON.stringify(line?.["err"])).toContain("unreachable executed");
  });

  it("that is no error where its client would wait no longer", async () => {
    let open = () => {};
    service.classifier.gate = new Promise((resolve) => {
      open = resolve;
    });
    const headers = { "content-type": "image/png", "x-request-id": "hasty" };
    const response = await fetch(`${service.url}/infer?deadline_ms=50`, { method: "POST", headers, body: "red" });
    expect(response.status).toBe(504);
    open();
    service.classifier.gate = Promise.resolve();
    const [line, ...others] = await linesOf("hasty");
    expect(others).toEqual([]);
    expect(line).toMatchObject({ level: 30, msg: "refused", status: 504, outcome: "engine_timeout" });
  });

  it("that warns where nobody waited for the answer, and a bug met afterwards is still told of", async () => {
    let open = () => {};
    service.classifier.gate = new Promise((resolve) => {
      open = resolve;
    });
    const { port } = new URL(service.url);
    const client = connect(Number(port), "127.0.0.1");
    const head = "POST /infer HTTP/1.1\r\nhost: x\r\nx-request-id: gone\r\ncontent-type: image/png\r\n";
    client.write(`${head}content-length: 4\r\n\r\ntrap`);
    await expect.poll(() => service.held().requests).toBe(1);
    client.destroy();
    await once(client, "close");
    expect(await linesOf("gone")).toEqual([expect.objectContaining({ level: 40, outcome: "client_gone" })]);
    open();
    service.classifier.gate = Promise.resolve();
    await expect.poll(() => service.held().requests).toBe(0);
    // The work's end is nobody's any more: what the client is not told of is the deadline, which is no news.
    expect(lines().filter((line) => line["request_id"] === "gone")).toHaveLength(1);
  });
});

describe("for people", () => {
  const shown = async (facts: object) => {
    const pretty = await prettyLines(false);
    const out: string[] = [];
    createLogger("info", { write: (line) => void out.push(pretty(line)) }).info(facts, "answered");
    return out.join("");
  };

  it("a line says what happened in words", async () => {
    const text = await shown({ request_id: "1", path: "/infer", stages_ms: { run: 3 } });
    expect(text).toMatch(/INFO.*answered/);
    for (const part of ["/infer", '"run":3']) expect(text).toContain(part);
    expect(text.trimEnd().split("\n")).toHaveLength(1);
  });

  it("a client's text shows no controls and begins no line", async () => {
    const hostile = 'a\u001b[31mred\u009c\u202e\u2028\r\n[00:00:00.000] INFO: "forged"';
    const text = await shown({ path: hostile, [hostile]: { nested: [hostile] } });
    expect(text).not.toMatch(/(?!\n)[\p{Cc}\u2028-\u202e]/u);
    expect(text.trimEnd().split("\n")).toHaveLength(1);
  });

  it("an error keeps the lines of its stack", async () => {
    const text = await shown({ err: new AppError("internal", "a\u001b[31mb") });
    expect(text).toMatch(/\n +at .*log\.test\.ts/);
    expect(text).not.toContain("\u001b");
  });
});
