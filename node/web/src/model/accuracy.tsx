/** How often a model was right, by what the askers of its answers said. */
import { type AccuracyReport, readAccuracy } from "../api.js";
import { Facts } from "../components/facts.js";
import { Later } from "../components/later.js";
import { Shares, shareOf } from "../components/shares.js";
import { counted, percent, wholePercent } from "../format.js";

const CLASSES_SHOWN = 20;
const DAYS_SHOWN = 30;
/** Width of a row of the reliability table. */
const STEP = 0.1;

export function WhatWasRight({ id }: { readonly id: string }) {
  return (
    <Later
      id="what-was-right"
      summary="How often it was right here"
      load={(signal) => readAccuracy(id, signal)}
      show={(report) => <Report {...report} />}
    />
  );
}

function Report(report: AccuracyReport) {
  const { answers, n, right, top5, bands, reliability, classes, confusions, days, calibration_error } = report;
  if (n === 0) {
    return (
      <p>
        {counted(answers, "answer")} of version {report.version} are remembered, and of none did anybody say what was
        right. The classify view asks for that below each answer.
      </p>
    );
  }
  return (
    <div class="right-here">
      <Facts
        rows={[
          ["Right", shareOf({ right, n })],
          ["Among the best five", shareOf(top5)],
          ["Said of", `${n.toLocaleString("en")} of ${counted(answers, "answer")}`],
          ["Calibration error", percent(calibration_error)],
        ]}
      />
      <Shares
        caption="Right, by how sure it was; a line stands where that says it should be"
        rows={reliability.map((bin) => ({
          ...bin,
          name: `${wholePercent(bin.above)} to ${wholePercent(bin.above + STEP)}`,
          expected: bin.probability,
        }))}
      />
      <Shares caption="Right, by band" rows={bands.map((row) => ({ ...row, name: row.band }))} />
      <Shares
        caption="Right, by what it was"
        rows={classes
          .filter((row) => row.n > 0)
          .slice(0, CLASSES_SHOWN)
          .map((row) => ({ ...row, name: row.label }))}
      />
      {confusions.length > 0 && (
        <div>
          <p id="confusions" class="label">
            Taken for another
          </p>
          <ul aria-labelledby="confusions">
            {confusions.map(({ label, answered, n: times }) => (
              <li key={`${label} ${answered}`}>
                <bdi>{label}</bdi> for <bdi>{answered}</bdi>: {counted(times, "time")}
              </li>
            ))}
          </ul>
        </div>
      )}
      <Shares caption="Right, by day" rows={days.slice(-DAYS_SHOWN).map((row) => ({ ...row, name: row.day }))} />
    </div>
  );
}
