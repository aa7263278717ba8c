/** What only the Python client has: files that are read while they are sent, and types that it writes out itself. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Schema } from "../src/front/route.js";
import { KEPT_IMAGE } from "../src/routes/images.js";
import { COMPONENTS } from "../src/routes/schemas.js";
import { HAS_PYTHON, PYTHON_CLIENT } from "./support/clients.js";
import { type FakeService, startFakeService } from "./support/fake-service.js";

const HEAD = `import json, resource, sys, threading
from pathlib import Path
import menagerie_client
from menagerie_client import Client, MenagerieError
URL, DIR = sys.argv[1:]
`;

describe.skipIf(!HAS_PYTHON)("the client in Python", () => {
  let service: FakeService;
  let dir: string;

  beforeAll(async () => {
    service = await startFakeService({}, null, async () => Buffer.from("blue"));
    dir = await mkdtemp(join(tmpdir(), "menagerie-client-"));
    await writeFile(join(dir, "ré d.png"), "red");
    await writeFile(join(dir, "labels.txt"), "un\ndeux\ntrois\n");
    await writeFile(join(dir, "large.pb"), `graph${" ".repeat(60_000_000)}`);
  });
  afterAll(async () => {
    await service.close();
    await rm(dir, { recursive: true });
  });

  /** What the last line of a program prints, as JSON. */
  const run = async (program: string): Promise<unknown> => {
    const env = { ...process.env, PYTHONPATH: dirname(PYTHON_CLIENT), PYTHONDONTWRITEBYTECODE: "1" };
    const { stdout } = await promisify(execFile)("python3", ["-c", HEAD + program, service.url, dir], { env });
    return JSON.parse(stdout);
  };

  it("takes files by their paths, and images by their addresses", async () => {
    const program = `
photo = Path(DIR) / "ré d.png"
answer = Client(URL).infer([photo, str(photo), {"image_url": "http://pictures.test/blue.png"}, b"green"],
                           model_file=b"graph", label_file=f"{DIR}/labels.txt")
print(json.dumps([[item["image"]["name"], item["label"]] for item in answer["results"]]))`;
    expect(await run(program)).toEqual([
      ["ré d.png", "un"],
      ["ré d.png", "un"],
      ["http://pictures.test/blue.png", "trois"],
      ["image-4", "deux"],
    ]);
  });

  it("calls a file by what can be read of its name", async () => {
    const program = `
import os
photo = os.fsencode(DIR) + b"/caf\\xe9.png"
with open(photo, "wb") as file:
    file.write(b"red")
answer = Client(URL).infer([Path(os.fsdecode(photo))], model_file=b"graph", label_file=f"{DIR}/labels.txt")
print(json.dumps(answer["results"][0]["image"]["name"]))`;
    expect(await run(program)).toBe("caf\ufffd.png");
  });

  it("takes what is None for what is not given, in every call and setting", async () => {
    const program = `
client = Client(URL, key=None, timeout_seconds=None, retries_max=None, wait_seconds_max=None)
photo = Path(DIR) / "ré d.png"
asked = {"image_url": "http://pictures.test/blue.png", "image_id": None}
fields = {"model": None, "label_file": None, "top_k": None, "deadline_ms": None, "fallback": None}
answers = [client.classify(photo, **fields), client.infer([asked], **fields)["results"][0]]
client.inspect(b"graph", labels=None, size=None)
sent = []
client._call = lambda path, body=None, **_: sent.append([path, getattr(body, "_bytes", b"").decode()])
client.feedback("r", "a", index=None)
client.feedback("r", label=None)
client.teach.create("colours", id=None, seed=None)
client.teach.register("x", id=None)
client.teach.put_photo("x", b"photo", label=None, name=None)
print(json.dumps([[answer["label"] for answer in answers], sent], ensure_ascii=False))`;
    const [labels, sent] = (await run(program)) as [string[], [string, string][]];
    expect(labels).toEqual(["red", "blue"]);
    expect(sent.map(([path, body]) => [path.replace(/[0-9a-f]{64}/, "…"), body])).toEqual([
      ["/api/feedback", '{"request_id": "r", "label": "a"}'],
      ["/api/feedback", '{"request_id": "r", "index": 0}'],
      ["/api/teach", '{"base": "colours"}'],
      ["/api/teach/x/register", "{}"],
      ["/api/teach/x/photos/…?", ""],
    ]);
  });

  it("tries as often as it may", async () => {
    const program = `
try:
    Client("http://127.0.0.1:1", retries_max=1100, wait_seconds_max=0).service()
except MenagerieError as error:
    print(json.dumps(error.code))`;
    expect(await run(program)).toBe("unreachable");
  });

  it("says which file cannot be read, before anything is sent", async () => {
    const program = `
try:
    Client(URL).classify(f"{DIR}/none.png")
except FileNotFoundError as error:
    print(json.dumps(error.filename))`;
    expect(await run(program)).toBe(join(dir, "none.png"));
  });

  it("reads a large file in pieces", async () => {
    const program = `
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
Client(URL).inspect(f"{DIR}/large.pb")
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))`;
    expect(await run(program)).toBeLessThan(30_000);
  });

  it("serves several threads at once", async () => {
    const program = `
client, labels = Client(URL), []
def ask(colour):
    labels.append(client.classify(colour.encode())["label"])
threads = [threading.Thread(target=ask, args=[colour]) for colour in ["red", "green", "blue"] * 2]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(sorted(labels)))`;
    expect(await run(program)).toEqual(["blue", "blue", "green", "green", "red", "red"]);
  });

  it("has the types that the service documents", async () => {
    const names = ["AnsweredItem", "ExplainedItem", "Explanation", "FailedItem", "InferAnswer", "InputFacts"].concat([
      ...[
        "KeptImage",
        "LabelledAnswer",
        "MapRegion",
        "ModelIdentity",
        "ModelSummary",
        "TaughtModel",
        "TeachJob",
        "TeachPhoto",
        "Problem",
        "BandAccuracy",
        "Grounds",
        "Timings",
        "TopEntry",
      ],
    ]);
    const program = `
types = {name: getattr(menagerie_client, name) for name in ${JSON.stringify(names)}}
print(json.dumps({name: [sorted(type.__required_keys__), sorted(type.__optional_keys__)] for name, type in types.items()}))`;
    expect(await run(program)).toEqual(Object.fromEntries(names.map((name) => [name, keysOf(DOCUMENTED[name])])));
  });
});

const DOCUMENTED: Readonly<Record<string, Schema>> = { ...COMPONENTS, KeptImage: KEPT_IMAGE };

/** The fields that are always there, and the others, of a schema with all that it is made of. */
function keysOf(schema: Schema = {}): [string[], string[]] {
  const parts = partsOf(schema);
  const required = new Set(parts.flatMap(({ required = [] }) => required));
  const all = new Set(parts.flatMap(({ properties = {} }) => Object.keys(properties)));
  return [[...required].toSorted(), [...all].filter((name) => !required.has(name)).toSorted()];
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

function partsOf(schema: Schema): ObjectSchema[] {
  const { $ref = "", allOf = [] } = schema as { $ref?: string; allOf?: readonly Schema[] };
  const referred = COMPONENTS[$ref.replace("#/components/schemas/", "")];
  return [schema as ObjectSchema, ...[...(referred ? [referred] : []), ...allOf].flatMap(partsOf)];
}
