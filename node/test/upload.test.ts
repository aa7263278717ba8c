/** Limits of what comes in, each enforced while it streams. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Config } from "../src/config.js";
import type { Problem } from "../src/errors.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";
import { COLOURS } from "./support/graph-def.js";

const LIMITS: Partial<Config> = {
  imageBytesMax: 1000,
  graphBytesMax: 50_000,
  labelsBytesMax: 500,
  requestBytesMax: 100_000,
  imagesPerRequestMax: 3,
  fieldBytesMax: 200,
  fieldsPerRequestMax: 5,
};
const RED = Buffer.from("red");

const open: FakeService[] = [];
async function start(config: Partial<Config> = {}): Promise<FakeService> {
  const service = await startFakeService({ ...LIMITS, ...config });
  open.push(service);
  return service;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((service) => service.close()));
});

async function problemOf(service: FakeService, body: RequestInit["body"], headers = {}): Promise<Problem> {
  const response = await fetch(`${service.url}/infer`, { method: "POST", body: body ?? null, headers });
  return (await response.json()) as Problem;
}

/** Sends a request's head and then zeros until the server answers or closes. Resolves with what it answered. */
async function flood(service: FakeService, head: string): Promise<{ answer: string; sentBytes: number }> {
  const { hostname, port } = new URL(service.url);
  const socket: Socket = connect(Number(port), hostname);
  await once(socket, "connect");
  let answer = "";
  let sentBytes = 0;
  socket.on("data", (chunk) => {
    answer += chunk.toString("latin1");
  });
  // The service closes while this client still sends: what is on its way then is answered with a reset.
  socket.on("error", () => {});
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(head);
  const piece = Buffer.alloc(16_384);
  const chunk = Buffer.concat([Buffer.from("4000\r\n"), piece, Buffer.from("\r\n")]);
  const pump = setInterval(() => {
    if (socket.writable) {
      socket.write(chunk);
      sentBytes += piece.length;
    }
  }, 5);
  await closed;
  clearInterval(pump);
  return { answer, sentBytes };
}

/** Sends a body in chunks of one byte. Resolves with the whole answer. */
async function sendByteByByte(service: FakeService, type: string, body: Buffer): Promise<string> {
  const { hostname, port } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  let answer = "";
  socket.on("data", (chunk) => {
    answer += chunk.toString("latin1");
  });
  const closed = once(socket, "close");
  socket.write(
    `POST /infer HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  const size = Buffer.from("1\r\n");
  const end = Buffer.from("\r\n");
  socket.write(Buffer.concat([...body].flatMap((byte) => [size, Buffer.from([byte]), end])));
  socket.write("0\r\n\r\n");
  await closed;
  return answer;
}

const PART_HEAD = '--b\r\nContent-Disposition: form-data; name="image_file"; filename="a"\r\n\r\n';
const FORM_HEAD =
  "POST /infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" +
  `Content-Type: multipart/form-data; boundary=b\r\n\r\n${PART_HEAD.length.toString(16)}\r\n${PART_HEAD}\r\n`;

describe("an upload over a limit", () => {
  it.each<[string, Parameters<typeof form>[0], RegExp]>([
    ["an image", { image_file: Buffer.alloc(1001) }, /image_file is larger than 1000 bytes/],
    ["a graph", { model_file: Buffer.alloc(50_001) }, /model_file is larger than 50000 bytes/],
    ["a label file", { image_file: RED, label_file: Buffer.alloc(501) }, /label_file is larger than 500 bytes/],
    ["a text field", { image_file: RED, model: "x".repeat(201) }, /Field "model" is larger than 200 bytes/],
    ["a request", { model_file: Buffer.alloc(100_001) }, /is larger than/],
    ["text fields", { image_file: RED, model: ["a", "b", "c", "d", "e", "f"] }, /more than 5 text fields/],
  ])("%s over its limit is upload_too_large", async (_what, parts, detail) => {
    const service = await start();
    const problem = await problemOf(service, form(parts));
    expect(problem).toMatchObject({ status: 413, code: "upload_too_large" });
    expect(problem.detail).toMatch(detail);
    const good = await fetch(`${service.url}/infer`, { method: "POST", body: form({ image_file: RED }) });
    expect(good.status).toBe(200);
  });

  it("a raw body that is read in turns comes whole", async () => {
    const service = await start({ imageBytesMax: 2_000_000, requestBytesMax: 2_000_000 });
    const classify = vi.spyOn(service.classifier, "classify");
    const headers = { "content-type": "image/png" };
    for (const length of [270_001, 300_000, 999_999, 1_400_001]) {
      await problemOf(service, new Uint8Array(length), headers);
      expect(classify.mock.lastCall?.[1]).toHaveLength(length);
    }
  });

  it("a raw body over the limit of an image is upload_too_large", async () => {
    const problem = await problemOf(await start(), Buffer.alloc(1001), { "content-type": "image/png" });
    expect(problem).toMatchObject({ status: 413, code: "upload_too_large" });
  });

  it("a limit is not passed by the bytes at it", async () => {
    const problem = await problemOf(await start(), form({ image_file: Buffer.alloc(1000) }));
    expect(problem.code).toBe("image_unsupported");
  });

  it("more images than allowed is field_invalid", async () => {
    const problem = await problemOf(await start(), form({ image_file: [RED, RED, RED, RED] }));
    expect(problem).toMatchObject({ status: 400, code: "field_invalid" });
    expect(problem.detail).toMatch(/image_file came 4 times; it may come 3 times at most/);
  });

  it("is answered while the client still sends, and its connection is closed soon after", async () => {
    const service = await start();
    const { answer, sentBytes } = await flood(service, FORM_HEAD);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(answer).toContain("image_file is larger than 1000 bytes");
    // Two seconds of dropped bytes at this client's pace, far from endless.
    expect(sentBytes).toBeLessThan(30_000_000);
  });

  it("is refused by its declared length before a byte of it is read", async () => {
    const service = await start();
    const head = "POST /infer HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 100001\r\n\r\n";
    const { answer } = await flood(service, head);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
  });

  it("is overloaded when all bodies together would pass theirs, and the room is given back", async () => {
    const service = await start({ uploadsHeldBytesMax: 3000 });
    const tooMuch = form({ model_file: Buffer.alloc(4000), label_file: COLOURS, image_file: RED });
    const response = await fetch(`${service.url}/infer`, { method: "POST", body: tooMuch });
    expect(response.headers.get("retry-after")).toBe("2");
    expect(((await response.json()) as Problem).code).toBe("overloaded");
    for (let round = 0; round < 5; round += 1) {
      const good = await fetch(`${service.url}/infer`, { method: "POST", body: form({ image_file: RED }) });
      expect(good.status).toBe(200);
    }
  });
});

describe("an upload", () => {
  it("that the client breaks off gives its permit back", async () => {
    const service = await start({ requestsMax: 1, requestsQueuedMax: 0 });
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    socket.write(FORM_HEAD);
    const ask = () => fetch(`${service.url}/infer`, { method: "POST", body: form({ image_file: RED }) });
    await expect.poll(async () => (await ask()).status).toBe(503);
    socket.destroy();
    await expect.poll(async () => (await ask()).status).toBe(200);
  });

  it.each(["with", "without"])("keeps a graph of many chunks whole, %s its length told", async (told) => {
    const service = await start({ graphBytesMax: 3_000_000, requestBytesMax: 4_000_000 });
    const graph = Buffer.concat([Buffer.from("graph"), randomBytes(2_500_000)]);
    const body = new Response(form({ image_file: RED, model_file: graph, label_file: COLOURS }));
    const bytes = told === "with" ? await body.clone().bytes() : body.body;
    const response = await fetch(`${service.url}/infer`, {
      method: "POST",
      headers: { accept: "application/json", "content-type": body.headers.get("content-type") ?? "" },
      body: bytes,
      duplex: "half",
    } as RequestInit);
    expect(response.status).toBe(200);
    expect(service.engine.requests.at(-1)?.graph_sha256).toBe(createHash("sha256").update(graph).digest("hex"));
    expect(service.engine.graphs.at(-1)?.equals(graph)).toBe(true);
  });

  it("joins what comes byte by byte", async () => {
    const service = await start();
    const graph = Buffer.concat([Buffer.from("graph"), randomBytes(20_000)]);
    const body = new Response(form({ image_file: RED, model_file: graph, label_file: COLOURS }));
    const type = body.headers.get("content-type") ?? "";
    const answer = await sendByteByByte(service, type, Buffer.from(await body.arrayBuffer()));
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect(service.engine.graphs.at(-1)?.equals(graph)).toBe(true);
    expect(service.engine.pieceCounts.at(-1)).toBe(1);
    expect(await sendByteByByte(service, "image/png", RED)).toMatch(/^HTTP\/1.1 200 /);
  });

  it("takes a field for a graph in which nothing was chosen as none", async () => {
    const service = await start();
    const parts = `${PART_HEAD}red\r\n--b\r\nContent-Disposition: form-data; name="model_file"; filename=""\r\n\r\n\r\n--b--\r\n`;
    const response = await fetch(`${service.url}/infer?format=json`, {
      method: "POST",
      headers: { "content-type": "multipart/form-data; boundary=b" },
      body: parts,
    });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('"id":"colours"');
  });

  it("keeps names in UTF-8", async () => {
    const service = await start();
    const response = await fetch(`${service.url}/infer?format=json`, {
      method: "POST",
      body: form({ image_file: RED }, "Gänseblümchen 🌼.png"),
    });
    expect(await response.text()).toContain('"name":"Gänseblümchen 🌼.png"');
  });

  it("with names that Object knows is no trouble", async () => {
    const service = await start();
    for (const name of ["constructor", "__proto__", "toString"]) {
      for (const value of ["1", RED]) {
        const body = new FormData();
        body.append(name, typeof value === "string" ? value : new Blob([value]));
        expect(await problemOf(service, body)).toMatchObject({
          code: "field_invalid",
          detail: expect.stringContaining(`There is no field "${name}"; did you mean `),
        });
      }
    }
  });

  it.each(["image/png", "multipart/form-data; boundary=b"])(
    "of %s that is compressed is refused as such",
    async (type) => {
      const headers = { "content-type": type, "content-encoding": "gzip" };
      const problem = await problemOf(await start(), gzipSync(RED), headers);
      expect(problem).toMatchObject({
        code: "field_invalid",
        detail: expect.stringMatching(/Content-Encoding "gzip"/),
      });
    },
  );

  it.each(["", "; boundary=", '; boundary=""', "; charset=utf-8"])(
    "whose Content-Type is multipart/form-data%s is told that the boundary is missing",
    async (rest) => {
      const problem = await problemOf(await start(), RED, { "content-type": `multipart/form-data${rest}` });
      expect(problem).toMatchObject({
        code: "field_invalid",
        detail: expect.stringMatching(/names no boundary.*curl -F/),
      });
    },
  );
});

describe("a form that its parser would pass over", () => {
  it.each([
    "multipart/form-data;  boundary=b",
    "multipart/form-data; BOUNDARY=b",
    'multipart/form-data; boundary="b c"',
  ])("is refused, not taken for one without parts: %s", async (type) => {
    const problem = await problemOf(await start(), RED, { "content-type": type });
    expect(problem).toMatchObject({
      code: "field_invalid",
      detail: expect.stringMatching(/^The form cannot be read: its Content-Type has to be written as/),
    });
  });

  it("is one without parts where nothing comes", async () => {
    const problem = await problemOf(await start(), "", { "content-type": "multipart/form-data; boundary=b" });
    expect(problem.code).toBe("image_missing");
  });
});

describe("a part of a form", () => {
  /** Parts as they are, each a head without `Content-Disposition: form-data; ` and a content. */
  async function ask(parts: readonly (readonly [string, string | Buffer])[], path = "/infer"): Promise<unknown> {
    const body = parts.flatMap(([head, content]) => [
      Buffer.from(`--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n`),
      Buffer.from(content),
      Buffer.from("\r\n"),
    ]);
    const service = await start({ imageBytesMax: 10_000, labelsBytesMax: 500, fieldBytesMax: 200 });
    const headers = { "content-type": "multipart/form-data; boundary=b", accept: "application/json" };
    const whole = Buffer.concat([...body, Buffer.from("--b--\r\n")]);
    return await (await fetch(service.url + path, { method: "POST", body: whole, headers })).json();
  }
  const labelOf = (body: unknown) => (body as { results?: { label: string }[] }).results?.map(({ label }) => label);

  it.each([
    ['name="image_file"', "no name of a file"],
    ['name="image_file"; filename=""', "an empty one"],
    ["name=image_file", "its name without quotes"],
    ['NAME="image_file"', "capitals"],
    ['name="image_file"\r\nContent-Type: image/png', "a type"],
    ['name="image_file"\r\nContent-Type: text/plain; charset=utf-8', "the type of a text"],
    ['filename="; name=top_k"; name="image_file"', "another field in the name of its file"],
  ])("%j is the image that its field says (%s)", async (head) => {
    expect(labelOf(await ask([[head, RED]]))).toEqual(["red"]);
  });

  it("without the name of a file is judged by the limit of its field, and keeps its place", async () => {
    const large = Buffer.alloc(9000, "x");
    expect(
      labelOf(
        await ask([
          ['name="image_file"', RED],
          ['name="image_file"; filename="b"', "green"],
        ]),
      ),
    ).toEqual(["red", "green"]);
    expect(await ask([['name="image_file"', large]])).toMatchObject({ code: "image_unsupported" });
    expect(await ask([['name="image_file"', Buffer.alloc(10_001)]])).toMatchObject({
      code: "upload_too_large",
      detail: "image_file is larger than 10000 bytes.",
    });
    const own = [
      ['name="model_file"', "graph mine"],
      ['name="label_file"', "r\ng\nb\n"],
      ['name="image_file"', RED],
    ] as const;
    expect(labelOf(await ask(own))).toEqual(["r"]);
  });

  it("of a text field is text, also where it names a file", async () => {
    const top = 'name="top_k"; filename="k.txt"\r\nContent-Type: application/octet-stream';
    const body = (await ask([
      [top, "2"],
      ['name="image_file"', RED],
    ])) as { results: { top: unknown[] }[] };
    expect(body.results[0]?.top).toHaveLength(2);
    expect(
      await ask([
        ["name=\"top_k\"; filename*=utf-8''k", "0"],
        ['name="image_file"', RED],
      ]),
    ).toMatchObject({
      code: "field_invalid",
      detail: expect.stringMatching(/^top_k=0: /),
    });
  });

  it("of two names is what the first one says", async () => {
    expect(labelOf(await ask([['name="image_file"; name="top_k"', RED]]))).toEqual(["red"]);
    expect(await ask([['name="top_k"; name="image_file"', RED]])).toMatchObject({
      detail: expect.stringMatching(/^top_k=red: |no image/),
    });
  });
});

describe("a part that this service would read otherwise than it was meant", () => {
  const HEAD = 'Content-Disposition: form-data; name="image_file"';

  async function ask(...heads: readonly string[]): Promise<{ detail?: string; results?: { label: string }[] }> {
    const body = heads.map((head) => `--b\r\n${head}\r\n\r\nred\r\n`).join("");
    const headers = { "content-type": "multipart/form-data; boundary=b", accept: "application/json" };
    const sent = { method: "POST", body: `${body}--b--\r\n`, headers };
    return (await (await fetch(`${(await start()).url}/infer`, sent)).json()) as { detail?: string };
  }

  it.each(["base64", "quoted-printable", "BASE64", "x-uuencode"])("is refused in the encoding %s", async (encoding) => {
    const answer = await ask(HEAD, `${HEAD}\r\nContent-Transfer-Encoding: ${encoding}`);
    expect(answer.detail).toBe(
      `image_file comes in the Content-Transfer-Encoding "${encoding.toLowerCase()}"; send its bytes as they are.`,
    );
  });

  it.each(['name="image_file"; filename="b', 'name="top_k', "name=\"image_file\"; filename*=utf-8''%zz"])(
    "is refused beside others with the malformed Content-Disposition: form-data; %s",
    async (rest) => {
      expect((await ask(HEAD, `Content-Disposition: form-data; ${rest}`)).detail).toBe(
        "The form cannot be read: the Content-Disposition of a part is malformed.",
      );
    },
  );

  it.each(["binary", "8bit", "7bit"])("is read in the encoding %s, which changes no byte", async (encoding) => {
    expect((await ask(`${HEAD}\r\nContent-Transfer-Encoding: ${encoding}`)).results?.[0]?.label).toBe("red");
  });

  it.each(['Content-Disposition: attachment; name="image_file"', "Content-Type: image/png", "X-A: b"])(
    "is refused beside others with the head %s, which would leave it out",
    async (head) => {
      expect((await ask(HEAD, head)).detail).toContain("Content-Disposition: form-data");
    },
  );
});

describe("a name that its route does not know", () => {
  const near = (name: string, nearest: string) => `There is no field "${name}"; did you mean ${nearest}?`;

  it.each([
    ["normalisation", "normalization"],
    ["topk", "top_k"],
    ["label_offest", "label_offset"],
    ["Model", "model"],
    ["image_files", "image_file"],
    ["id", "size"],
  ])("is refused in a form, where it is %s: %s is meant", async (name, nearest) => {
    const problem = await problemOf(await start(), form({ image_file: RED, [name]: "1" }));
    expect(problem).toMatchObject({ status: 400, code: "field_invalid", detail: near(name, nearest) });
  });

  it.each([
    ["image", "image_file"],
    ["photo", "image_file"],
    ["model", "model_file"],
    ["labels", "label_file"],
  ])("is refused as a file %s before its content is looked at: %s is meant", async (name, nearest) => {
    const problem = await problemOf(
      await start(),
      form({ [name === "model" ? "modelfile" : name]: Buffer.alloc(90_000) }),
    );
    expect(problem).toMatchObject({
      code: "field_invalid",
      detail: expect.stringContaining(`did you mean ${nearest}?`),
    });
  });

  it.each<[string, RequestInit, string]>([
    ["/infer?topk=1", { method: "POST", body: form({ image_file: RED }) }, '"topk"; did you mean top_k?'],
    [
      "/infer?frmat=json",
      { method: "POST", body: RED, headers: { "content-type": "image/png" } },
      '"frmat"; did you mean format?',
    ],
    ["/api/models?model=x", {}, '"model"; this address takes none.'],
    ["/api/models/colours?size=1", {}, '"size"; did you mean deadline_ms?'],
    ["/api/models/inspect?sise=1", { method: "POST", body: form({ model_file: RED }) }, '"sise"; did you mean size?'],
    ["/openapi.json?a", {}, '"a"; this address takes none.'],
  ])("is refused in the query of %s", async (path, init, words) => {
    const service = await start();
    const problem = (await (await fetch(service.url + path, init)).json()) as Problem;
    expect(problem).toMatchObject({ status: 400, code: "field_invalid" });
    expect(problem.detail).toBe(`There is no query parameter ${words}`);
  });

  it("is refused in a JSON body, and by the names of the route alone", async () => {
    const service = await start();
    const send = async (path: string, init: RequestInit) =>
      ((await (await fetch(service.url + path, init)).json()) as Problem).detail;
    const body = JSON.stringify({ version: "1", versoin: "2" });
    const put = { method: "PUT", body, headers: { "content-type": "application/json" } };
    expect(await send("/api/models/colours/default", put)).toBe(near("versoin", "version"));
    const registering = form({ model_file: Buffer.from("graph"), image_file: RED, id: "a" });
    expect(await send("/api/models", { method: "POST", body: registering })).toBe(near("image_file", "model_file"));
    expect(await send("/api/models", { method: "POST", body: form({ verison: "1" }) })).toBe(
      near("verison", "version"),
    );
  });

  it("may stand in the query of a probe", async () => {
    expect((await fetch(`${(await start()).url}/healthz?at=1`)).status).toBe(200);
  });
});
