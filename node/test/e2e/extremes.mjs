/**
 * Answers that strain the page: words without a break, labels from right to left, one class, 1,001 classes, a model that
 * failed. They take the place of the service's own.
 */
const WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
const RIGHT_TO_LEFT = "חמניות (מין של פרחים)";

const LABELS = [WORD, RIGHT_TO_LEFT, ...Array.from({ length: 999 }, (_, index) => `class number ${index}`)];

/**
 * @param {string} id
 * @param {object} changes
 */
const listed = (id, changes) => ({
  id,
  versions: ["1"],
  served: "1",
  default: false,
  registered: true,
  state: "available",
  loaded: false,
  memory_bytes: null,
  title: id,
  description: "",
  licence: "NOASSERTION",
  classes: null,
  input: { width: null, height: null },
  accuracy: null,
  problem: null,
  fetch: null,
  ...changes,
});

const MODELS = [
  listed("straining", {
    default: true,
    versions: ["1", "2", WORD],
    title: WORD,
    description: `${WORD} ${RIGHT_TO_LEFT}`,
    classes: LABELS.length,
    input: { width: 1024, height: 768 },
    accuracy: { top1: 0.9999, photos: 50_000, split: "validation", data: WORD },
  }),
  listed("one-class", { title: RIGHT_TO_LEFT, classes: 1 }),
  listed("failed", { state: "failed", problem: `graph.pb: its SHA-256 is ${"0".repeat(64)} instead of ${WORD}` }),
];

/**
 * @param {string} id
 * @param {readonly { label: string, probability: number }[]} top
 */
const answer = (id, top) => ({
  image: { name: `${WORD}.jpg`, width: 20_000, height: 1, format: "jpeg" },
  model: { id, version: "1", sha256: "0".repeat(64) },
  ...top[0],
  index: 0,
  band: "very high",
  settings: { certain: false, by: "prior" },
  top: top.map((entry, index) => ({ ...entry, index })),
  input: { width: 1024, height: 768, sha256: "0".repeat(64) },
  timings_ms: { decode: 12_345.6, resize: 1234.5, queue: 99_999.9, run: 12_345.6, total: 123_456.7 },
  warnings: [`input.resize is a habit: ${WORD}`],
});

const RESULTS = [
  answer("straining", [
    { label: WORD, probability: 0.9 },
    { label: RIGHT_TO_LEFT, probability: 0.0999 },
    { label: "nothing", probability: 0.0000001 },
  ]),
  answer("one-class", [{ label: RIGHT_TO_LEFT, probability: 1 }]),
];

const REPORT = {
  id: "straining",
  version: "1",
  answers: 1_000_000,
  n: 100_000,
  right: 99_999,
  top5: { right: 0, n: 0 },
  bands: ["very high", "high", "medium", "low"].map((band) => ({ band, right: 0, n: band === "low" ? 1 : 0 })),
  calibration_error: 0.00001,
  reliability: [{ above: 0.9, probability: 0.9999, right: 99_999, n: 100_000 }],
  classes: [
    { label: WORD, n: 99_999, right: 99_999, answered: 100_000 },
    { label: RIGHT_TO_LEFT, n: 1, right: 0, answered: 0 },
  ],
  confusions: [{ label: RIGHT_TO_LEFT, answered: WORD, n: 1 }],
  days: [{ day: "2026-01-01", right: 99_999, n: 100_000 }],
};

/**
 * Lets the page be answered so from now on.
 * @param {import("playwright-core").Page} page
 */
export async function strain(page) {
  await page.route("**/api/models", (route) => route.fulfill({ json: { models: MODELS } }));
  await page.route("**/api/models/*/samples", (route) => route.fulfill({ json: { samples: [] } }));
  await page.route("**/api/models/*/accuracy", (route) => route.fulfill({ json: REPORT }));
  await page.route("**/api/models/*/labels", (route) =>
    route.fulfill({ body: LABELS.join("\n"), contentType: "text/plain; charset=utf-8" }),
  );
  await page.route("**/infer", (route) => route.fulfill({ json: { request_id: "1", results: RESULTS } }));
}

/** A file name that does not break. */
export const LONG_NAME = `${WORD}${WORD}.jpg`;
