/**
 * What the clients ask: each question with the outcome that it must have. An outcome is the best label or labels of an
 * answer, the code of a problem, or the status of anything else.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";

const LARGE_SIZES = [
  [4000, 3000],
  [6000, 4000],
  [8000, 6000],
];
const SAMPLES = ["sunflowers-1", "daisy-1", "roses-2", "tulips-1", "glass-1", "paper-1"];

/** Between the parts of an outcome. */
export const SEPARATOR = ", ";

/**
 * @typedef {object} Question
 * @property {string} name
 * @property {string} method
 * @property {string} path
 * @property {Record<string, string>} headers
 * @property {Buffer} [body]
 * @property {string | null} outcome null until it was learnt from the service itself, alone and at rest
 * @property {boolean} [isBrokenOff] the client goes away in the middle of its body
 * @property {(id: string) => Question[]} [steps] questions one after another, instead; `id` is a new one each time. Their
 *   outcomes are the parts of this one's
 */

/** @typedef {"photo" | "several" | "upload" | "registered" | "large" | "camera" | "bad" | "page" | "broken off"} Kind */

/**
 * @param {string} root the repository
 * @param {readonly Kind[]} kinds
 * @returns {Promise<Record<Kind, Question[]>>}
 */
export async function prepareQuestions(root, kinds) {
  const photos = await Promise.all(SAMPLES.map((name) => readFile(join(root, `models/samples/${name}.jpg`))));
  const graph = await readFile(join(root, "models/flowers5/graph.pb"));
  const labels = await readFile(join(root, "models/flowers5/labels.txt"));
  const [photo] = photos;
  const registration = await form("its registration", { model_file: graph, label_file: labels });
  const own = { model_file: graph, label_file: labels, image_file: photo };
  /** @type {Record<Kind, () => (Question | Promise<Question>)[]>} */
  const makers = {
    photo: () =>
      photos.flatMap((image, index) => [
        ask(`photo ${SAMPLES[index]}`, "/infer", "image/jpeg", image),
        ask(`photo ${SAMPLES[index]} for waste6`, "/infer?model=waste6", "image/jpeg", image),
      ]),
    several: () => [form("two photos, two models", { image_file: photos.slice(0, 2), model: ["flowers5", "waste6"] })],
    upload: () => [
      form("own graph", own),
      form("own graph, padded", { ...own, resize: "pad" }),
      form("own graph, cropped", { ...own, resize: "center-crop" }),
    ],
    registered: () => [
      {
        name: "a model registered, asked and removed",
        outcome: null,
        steps: (id) => [
          { ...registration, path: `/api/models?id=${id}` },
          ask("a photo", `/infer?model=${id}`, "image/jpeg", photo),
          { name: "its removal", method: "DELETE", path: `/api/models/${id}`, headers: {}, outcome: null },
        ],
      },
    ],
    large: () =>
      LARGE_SIZES.map(([width, height]) => ask(`${width}x${height}`, "/infer", "image/png", pngOf(width, height))),
    camera: () => [ask("4000x3000", "/infer", "image/png", pngOf(4000, 3000))],
    bad: () => [
      form("no image", { top_k: "1" }, "image_missing"),
      form("text", { image_file: Buffer.from("I am no photo.") }, "image_unsupported"),
      form("a cut photo", { image_file: photo.subarray(0, photo.length / 2) }, "image_undecodable"),
      form("a bomb", { image_file: pngHeader(60_000, 60_000) }, "image_too_large"),
      form("top_k of 0", { image_file: photo, top_k: "0" }, "field_invalid"),
      form("no such model", { image_file: photo, model: "nope" }, "model_unknown"),
      form("a broken graph", { ...own, model_file: graph.subarray(0, 1000) }, "graph_invalid"),
    ],
    page: () => [get("/", "200"), get("/api/models", "200"), get("/api/models/waste6", "200"), get("/no", "not_found")],
    "broken off": () => [
      { ...ask("a client that goes away", "/infer", "image/jpeg", photo, "broken off"), isBrokenOff: true },
    ],
  };
  return Object.fromEntries(await Promise.all(kinds.map(async (kind) => [kind, await Promise.all(makers[kind]())])));
}

/** What an answer says. */
export function outcomeOf({ status, type, body }) {
  if (!type.includes("json")) return String(status);
  const { code, results } = JSON.parse(body.toString());
  if (code !== undefined) return code;
  if (results === undefined) return String(status);
  return results.map(({ label, error }) => label ?? error.code).join(SEPARATOR);
}

function ask(name, path, type, body, outcome = null) {
  return { name, method: "POST", path, headers: { "content-type": type, accept: "application/json" }, body, outcome };
}

function get(path, outcome) {
  return { name: `GET ${path}`, method: "GET", path, headers: { accept: "application/json" }, outcome };
}

/** A form: strings are fields, bytes are files, a list repeats its name. */
async function form(name, parts, outcome = null) {
  const data = new FormData();
  for (const [field, value] of Object.entries(parts)) {
    for (const one of [value].flat()) {
      if (typeof one === "string") data.append(field, one);
      else data.append(field, new Blob([one]), field);
    }
  }
  const encoded = new Response(data);
  const type = encoded.headers.get("content-type") ?? "";
  return ask(name, "/infer", type, Buffer.from(await encoded.arrayBuffer()), outcome);
}

/** A photo-sized PNG: RGB, a slope in each row. */
function pngOf(width, height) {
  const row = Buffer.alloc(1 + 3 * width);
  for (let x = 0; x < width; x++) row.set([x, x >> 3, x >> 5], 1 + 3 * x);
  const rows = Buffer.concat(Array.from({ length: height }, () => row));
  return Buffer.concat([pngHeader(width, height), chunk("IDAT", deflateSync(rows, { level: 1 })), chunk("IEND")]);
}

function pngHeader(width, height) {
  const content = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  content.writeUInt32BE(width, 0);
  content.writeUInt32BE(height, 4);
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), chunk("IHDR", content)]);
}

function chunk(type, content = Buffer.alloc(0)) {
  const typed = Buffer.concat([Buffer.from(type), content]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  checksum.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, checksum]);
}
