/**
 * The README's picture: throughput with 8 clients and p50 with one, for each graph, as bars.
 */
import { bestFloor } from "./reach.mjs";

const IMAGE = "517x606";
const ORDER = [
  ["floor", "libtensorflow alone"],
  ["service-process", "Menagerie"],
  ["service-addon", "Menagerie, addon"],
  ["express-onnx", "Express + onnxruntime"],
  ["litserve", "LitServe + TensorFlow"],
  ["flask", "Flask + TensorFlow"],
];
const WIDTH = 760;
const NAME_WIDTH = 170;
const VALUE_WIDTH = 60;
const GAP = 30;
const BAR = 18;
const TITLE = 44;
const COLOURS = { floor: "#b8b8b8", "service-process": "#2f6f4f", "service-addon": "#5fa37f" };
const OTHERS = "#8a9bb0";

/** @returns {string} an SVG that is readable on light and dark pages */
export function renderChart({ graphs }) {
  const panels = graphs
    .filter(({ rows }) => rows !== undefined)
    .flatMap(({ title, rows }) => [
      { title: `${title}: requests/s, 8 clients`, bars: bars(rows, 8, "requestsPerSecond", 0) },
      { title: `${title}: p50 ms, 1 client`, bars: bars(rows, 1, "medianMs", 1) },
    ])
    .filter((panel) => panel.bars.length > 0);
  const panelHeight = TITLE + ORDER.length * (BAR + 6);
  const panelWidth = (WIDTH - GAP) / 2;
  const height = Math.max(1, Math.ceil(panels.length / 2)) * panelHeight;
  const drawn = panels.map((panel, index) => {
    const [x, y] = [(index % 2) * (panelWidth + GAP), Math.floor(index / 2) * panelHeight];
    return `<g transform="translate(${x} ${y})">${drawPanel(panel, panelWidth)}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>The bench: throughput and latency of each contender</title>`,
    `<style>text{fill:#333}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>`,
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}

function bars(rows, clientCount, field, digits) {
  const measured = rows.filter((row) => row.image === IMAGE && row.clientCount === clientCount);
  return ORDER.flatMap(([id, name]) => {
    const row = id === "floor" ? bestFloor(measured, clientCount) : measured.find((one) => one.contender === id);
    return row === undefined
      ? []
      : [{ name, value: row[field], text: row[field].toFixed(digits), colour: COLOURS[id] ?? OTHERS }];
  });
}

function drawPanel({ title, bars: drawnBars }, width) {
  const longest = Math.max(...drawnBars.map(({ value }) => value));
  const scale = (width - NAME_WIDTH - VALUE_WIDTH) / longest;
  const lines = drawnBars.map(({ name, value, text, colour }, index) => {
    const y = TITLE - 12 + index * (BAR + 6);
    const length = (value * scale).toFixed(1);
    const baseline = y + BAR - 5;
    return (
      `<text x="${NAME_WIDTH - 8}" y="${baseline}" text-anchor="end">${escapeMarkup(name)}</text>` +
      `<rect x="${NAME_WIDTH}" y="${y}" width="${length}" height="${BAR}" fill="${colour}" rx="2"/>` +
      `<text x="${(NAME_WIDTH + Number(length) + 6).toFixed(1)}" y="${baseline}">${text}</text>`
    );
  });
  return `<text x="0" y="18" font-weight="600">${escapeMarkup(title)}</text>${lines.join("")}`;
}

function escapeMarkup(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
