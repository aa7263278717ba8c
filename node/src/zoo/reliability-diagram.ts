/**
 * A reliability diagram: how often answers were right, by how sure they were. Where confidence is what it says, each bar ends
 * at the diagonal (DeGroot and Fienberg 1983; Guo et al. 2017, figure 1).
 */
import { counted } from "../counted.js";
import type { Calibration } from "../generated/contract.js";

const SIDE = 320;
const MARGIN = { left: 68, top: 76, right: 32, bottom: 68 };
const [WIDTH, HEIGHT] = [MARGIN.left + SIDE + MARGIN.right, MARGIN.top + SIDE + MARGIN.bottom];
/** Width of a row of the table. */
const STEP = 0.1;
const GAP = 2;

const [INK, FAINT, BAR, MEAN] = ["#222", "#ccc", "#4a7fb5", "#c2410c"];

export function reliabilityDiagram(title: string, { reliability, data, n, calibration_error }: Calibration): string {
  const ece = (100 * calibration_error.after).toFixed(1);
  const head = `${title}: right by confidence`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="${INK}">`,
    `<title>${escaped(head)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${MARGIN.left}" y="22" font-size="14" font-weight="600">${escaped(head)}</text>`,
    `<text x="${MARGIN.left}" y="40">${escaped(`${counted(n, "photo")}: ${data}`)}</text>`,
    `<text x="${MARGIN.left}" y="56">expected calibration error ${ece} %</text>`,
    ...[0, 0.25, 0.5, 0.75, 1].flatMap(axes),
    ...reliability.flatMap(bar),
    `<path d="M${at(x(0), y(0))} L${at(x(1), y(1))}" stroke="${INK}" stroke-dasharray="4 4"/>`,
    ...reliability.map(
      (bin) => `<circle cx="${x(bin.probability)}" cy="${y(bin.right / bin.n)}" r="3.5" fill="${MEAN}"/>`,
    ),
    `<text x="${x(0.5)}" y="${HEIGHT - 14}" text-anchor="middle">best probability: a dot at its mean, photos below</text>`,
    `<text transform="translate(16 ${y(0.5)}) rotate(-90)" text-anchor="middle">right</text>`,
    "</svg>",
    "",
  ].join("\n");
}

function axes(share: number): string[] {
  const words = `${100 * share} %`;
  return [
    `<path d="M${at(x(0), y(share))} L${at(x(1), y(share))}" stroke="${FAINT}"/>`,
    `<text x="${x(0) - 6}" y="${y(share) + 4}" text-anchor="end">${words}</text>`,
    `<text x="${x(share)}" y="${y(0) + 32}" text-anchor="middle">${words}</text>`,
  ];
}

function bar({ above, right, n }: Calibration["reliability"][number]): string[] {
  const [left, top] = [x(above) + GAP / 2, y(right / n)];
  const middle = round(left + (STEP * SIDE - GAP) / 2);
  return [
    `<rect x="${left}" y="${top}" width="${STEP * SIDE - GAP}" height="${round(y(0) - top)}" fill="${BAR}" fill-opacity="0.7"/>`,
    `<text x="${middle}" y="${y(0) + 14}" text-anchor="middle" font-size="10">${n}</text>`,
  ];
}

function x(share: number): number {
  return round(MARGIN.left + share * SIDE);
}

function y(share: number): number {
  return round(MARGIN.top + (1 - share) * SIDE);
}

function at(left: number, top: number): string {
  return `${left} ${top}`;
}

function round(pixels: number): number {
  return Math.round(10 * pixels) / 10;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
