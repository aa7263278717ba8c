import { basename, join, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { readConfig } from "../config.js";
import { counted } from "../counted.js";
import type { Calibration } from "../generated/contract.js";
import { printable } from "../printable.js";
import { openWorkbench } from "../service/workbench.js";
import { hasGolden, openModel } from "../zoo/answers.js";
import { calibrate, openUncalibrated } from "../zoo/calibrate.js";
import { share, writeCalibration } from "../zoo/calibration-card.js";
import { findModel } from "../zoo/find-models.js";
import { findLabelledPhotos } from "./labelled-photos.js";
import { Progress } from "./progress.js";

/** Answers that are wrong more often than right are unsure, as long as a manifest says nothing else. */
const UNSURE_BELOW_DEFAULT = 0.5;
/** Fewer photos say little of any band. */
const PHOTOS_FEW = 100;
const CONFUSIONS_SHOWN = 3;

interface CalibrateOptions {
  readonly images: string;
  readonly data?: string;
  readonly unsureBelow?: number;
  readonly json?: boolean;
}

export function addCalibrate(program: Command): void {
  program
    .command("calibrate")
    .description("measures how often a model is right, and what its bands are worth, and writes that into its folder")
    .argument("<id>", "id or id@version")
    .requiredOption(
      "--images <dir>",
      "photos that it was not trained on: one folder a label, or a CSV file of path and label",
    )
    .option("--data <name>", "what these photos are called; the name of the folder or file when absent")
    .option(
      "--unsure-below <share>",
      `answers of a band that was right less often are unsure; what the manifest says, or ${UNSURE_BELOW_DEFAULT}, when absent`,
      parseShare,
    )
    .option("--json", "what was measured, as JSON")
    .action(async (id: string, options: CalibrateOptions) => {
      const config = readConfig();
      const folder = join(config.modelsDir, (await findModel(config.modelsDir, id)).entry);
      const photos = await findLabelledPhotos(options.images);
      const { calibration: before } = (await openModel(folder)).manifest;
      const about = {
        data: options.data ?? basename(resolve(options.images)),
        date: new Date().toISOString().slice(0, "YYYY-MM-DD".length),
        unsure_below: options.unsureBelow ?? before?.unsure_below ?? UNSURE_BELOW_DEFAULT,
      };
      const workbench = await openWorkbench(config);
      const progress = new Progress(photos.length, process.stderr);
      let measured: Calibration;
      try {
        const lanes = config.workerThreads;
        const step = () => progress.step();
        measured = await calibrate(workbench, await openUncalibrated(folder), photos, { about, lanes, step });
      } finally {
        progress.clear();
        await workbench.close();
      }
      const files = await writeCalibration(folder, measured);
      process.stdout.write(options.json ? `${JSON.stringify(measured)}\n` : asText(id, measured));
      process.stderr.write(`${folder}: ${files.join(", ")} are written.\n`);
      if (measured.n < PHOTOS_FEW)
        process.stderr.write(
          `${counted(measured.n, "photo")} ${measured.n === 1 ? "says" : "say"} little; take hundreds for a table to rely on.\n`,
        );
      if (measured.temperature !== (before?.temperature ?? 1) && (await hasGolden(folder)))
        process.stderr.write(
          `Its probabilities are others now: \`menagerie golden ${id} PHOTO…\` keeps them in golden.json.\n`,
        );
    });
}

function parseShare(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("It must be a number from 0 to 1.");
}

function asText(id: string, measured: Calibration): string {
  const { n, data, top1, top5, temperature, calibration_error: error, bands, confusions, unsure_below } = measured;
  const worst = confusions.slice(0, CONFUSIONS_SHOWN).map(({ label, answered, n }) => `${label} for ${answered} ${n}`);
  const lines = [
    `${id}: right for ${share(top1)} of ${counted(n, "photo")} (${data}); among the best five for ${share(top5)}`,
    `temperature ${temperature}; expected calibration error ${share(error.before)} before, ${share(error.after)} after, on halves that were not fitted`,
    ...bands.map(({ band, right, n }) =>
      n === 0
        ? `${band} was never answered`
        : `${band} was right ${share(right / n)} of ${counted(n, "time")}${right < unsure_below * n ? ": unsure" : ""}`,
    ),
    ...(worst.length === 0 ? [] : [`taken for another: ${worst.join(", ")}`]),
  ];
  return `${lines.map(printable).join("\n")}\n`;
}
