/** Attacks by the calls that ask for more than one answer: exports, labelled photos, teaching, batches, bodies of one piece. */
import { createHash } from "node:crypto";
import { Agent, request } from "node:http";
import { encodePost } from "../../http-client.mjs";
import { openGraph, tinyGraph } from "../hostile-graphs.mjs";
import { clients, form, graph, image, PAUSE_MS, sleep } from "./asking.mjs";

/** A request on a connection that is kept: the body of the answer, which is JSON; null where it is none or was refused. */
function call({ port, from }, agent, method, path, { body, type, read = () => {} } = {}) {
  return new Promise((resolve) => {
    const headers = body === undefined ? {} : { "content-type": type, "content-length": body.length };
    const options = { host: "127.0.0.1", localAddress: from, port, agent, method, path, headers };
    const sent = request(options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => {
        chunks.push(chunk);
        read(sent);
      });
      response.on("error", () => resolve(null));
      response.on("close", () => resolve(response.statusCode < 300 ? jsonOf(Buffer.concat(chunks)) : null));
    });
    sent.on("error", () => resolve(null));
    sent.end(body);
  });
}

function jsonOf(body) {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

/** So many clients, each with a connection that it keeps. */
function keepAsking(count, turn) {
  return (target) => {
    const agent = new Agent({ keepAlive: true, maxSockets: count });
    return Promise.all(
      Array.from({ length: count }, async (_, client) => {
        for (let index = 0; !target.isOver(); index += 1) {
          if ((await turn(target, agent, client, index)) === null) await sleep(PAUSE_MS);
        }
      }),
    ).finally(() => agent.destroy());
  };
}

export const exportGraphs = keepAsking(16, (target, agent) =>
  call(target, agent, "GET", "/api/models/flowers5/graph?as=onnx"),
);

export const askInBatches = keepAsking(64, ({ samples, ...target }, agent, client, index) => {
  const { content } = samples[(client + index) % samples.length];
  return call(target, agent, "POST", "/infer?format=json", { body: content, type: "image/jpeg" });
});

const EXAMPLES = 16;

/** Half of them are looked into, half asked about a photo too. */
const sendExamplesWith = (make) =>
  clients(16, ({ photo, samples }, client, turn) => {
    const examples = samples.slice(0, EXAMPLES).flatMap(({ content }, index) => [
      { name: "example_file", file: "photo", content },
      { name: "example_label", content: String(index % 2) },
    ]);
    const parts = [graph(make(1e6 * client + turn)), ...examples];
    return client % 2 === 0 ? form("/api/models/inspect", parts) : form("/infer", [...parts, image(photo)]);
  });

export const sendExamples = sendExamplesWith(tinyGraph);
export const sendOpenGraphs = sendExamplesWith(openGraph);

/** One tensor of 16 large files that are no images: bytes that the service takes apart. */
export function sendLargeTensors(target) {
  const fileBytes = 24_000_000;
  const length = Buffer.alloc(4);
  length.writeUInt32LE(fileBytes);
  const file = Buffer.alloc(fileBytes);
  const files = Array.from({ length: 16 }, () => [length, file]).flat();
  const inputs = [
    { name: "image", datatype: "BYTES", shape: [16], parameters: { binary_data_size: 16 * (4 + fileBytes) } },
  ];
  const json = Buffer.from(JSON.stringify({ inputs }));
  const headers = { "inference-header-content-length": String(json.length), connection: "close" };
  const body = encodePost("/v2/models/flowers5/infer", headers, Buffer.concat([json, ...files]));
  return clients(16, () => body)(target);
}

const WATCHERS = 32;

/** Jobs that are taught whole, one after the other of each client, and readers of their events that go and come again. */
export async function teachAndWatch(target) {
  const agent = new Agent({ keepAlive: true });
  const jobs = [];
  const teach = async (client) => {
    const asked = Buffer.from(JSON.stringify({ base: "flowers5", id: `taught${client}` }));
    const job = await call(target, agent, "POST", "/api/teach", { body: asked, type: "application/json" });
    if (job === null) return;
    for (const { label, content } of target.samples) {
      const sha256 = createHash("sha256").update(content).digest("hex");
      const path = `/api/teach/${job.id}/photos/${sha256}?label=${label}`;
      await call(target, agent, "PUT", path, { body: content, type: "image/jpeg" });
    }
    await call(target, agent, "POST", `/api/teach/${job.id}/start`);
    jobs[client] = job.id;
    for (let state = "waiting"; !target.isOver() && (state === "waiting" || state === "running"); ) {
      state = (await call(target, agent, "GET", `/api/teach/${job.id}`))?.state;
      await sleep(100);
    }
    await call(target, agent, "DELETE", `/api/teach/${job.id}`);
  };
  const watch = (id) =>
    call(target, agent, "GET", `/api/teach/${id}/events`, {
      read: (sent) => setTimeout(() => sent.destroy(), 1000),
    });
  const repeat = async (work) => {
    while (!target.isOver()) {
      await work();
      await sleep(PAUSE_MS);
    }
  };
  await Promise.all([
    ...Array.from({ length: 4 }, (_, client) => repeat(() => teach(client))),
    ...Array.from({ length: WATCHERS }, (_, index) => repeat(() => watch(jobs[index % 4] ?? "none"))),
  ]);
  agent.destroy();
}
