/** What came of the training: what it is worth, what it gets wrong, and what can be done with it. */

import { wilson } from "../../../src/wilson.js";
import type { TaughtModel } from "../api-teach.js";
import { Facts } from "../components/facts.js";
import { Shares } from "../components/shares.js";
import { counted, percent } from "../format.js";
import { job } from "./job.js";
import { Publish } from "./publish.js";
import { TryIt } from "./try-it.js";
import { WrongPhotos } from "./wrong-photos.js";

const CLASSES_SHOWN = 40;

export function Outcome({ id, result }: { readonly id: string; readonly result: TaughtModel }) {
  const { report, calibration, untold } = result;
  const { right, held_out: n, trained } = report;
  const remarks = job.value?.remarks ?? [];
  const [from, to] = wilson(right, n);
  return (
    <section class="outcome" aria-labelledby="outcome-title">
      <h2 id="outcome-title">What it is worth</h2>
      <p id="right" class="sentence">
        Right for <b>{percent(right / n)}</b>: {right} of {counted(n, "photo")} that were set aside.
      </p>
      <p>
        Of many such photos it would be right for {percent(from)} to {percent(to)} (95 % interval). It was trained on{" "}
        {counted(trained, "other")}. {outlook(result)} {knownOthers(result)}
      </p>
      {result.comparison !== undefined && <p id="compared">{result.comparison.words}</p>}
      {remarks.length > 0 && (
        <details id="remarks">
          <summary>{counted(remarks.length, "remark")} about the photos</summary>
          <ul>
            {remarks.map((remark) => (
              <li key={remark}>{remark}</li>
            ))}
          </ul>
        </details>
      )}
      <WrongPhotos wrong={result.wrong} />
      <TryIt key={id} id={id} />
      <Publish key={`publish ${id}`} id={id} />
      <details id="measured">
        <summary>By class, by band, and how sure it may be</summary>
        <div class="right-here">
          <Shares
            caption="Right, by what it was"
            rows={calibration.classes
              .filter((row) => row.n > 0)
              .slice(0, CLASSES_SHOWN)
              .map((row) => ({ ...row, name: row.label }))}
          />
          {calibration.confusions.length > 0 && (
            <div>
              <p id="taken-for" class="label">
                Taken for another
              </p>
              <ul aria-labelledby="taken-for">
                {calibration.confusions.map(({ label, answered, n: times }) => (
                  <li key={`${label} ${answered}`}>
                    <bdi>{label}</bdi> for <bdi>{answered}</bdi>: {counted(times, "time")}
                  </li>
                ))}
              </ul>
            </div>
          )}
          <Shares caption="Right, by band" rows={calibration.bands.map((row) => ({ ...row, name: row.band }))} />
          <Facts
            rows={[
              ["Logits divided by", calibration.temperature.toFixed(2)],
              ["How sure it says it is", `${percent(calibration.calibration_error.after)} off, on average`],
              ["Penalty (L2)", String(report.l2)],
              ["What the graph does not tell", untold.length === 0 ? "nothing" : untold.join(", ")],
            ]}
          />
        </div>
      </details>
    </section>
  );
}

/** How often it knew what is none of the classes; empty where it has no class for that. */
function knownOthers({ other }: TaughtModel): string {
  return other === undefined ? "" : `Of ${counted(other.n, "photo")} of other things it knew ${other.right}.`;
}

/** What more photos would bring, by what fewer gave. */
function outlook({ report: { curve, with_twice: twice, held_out: n } }: TaughtModel): string {
  const fewer = curve.slice(0, -1).map(({ trained, right }) => `${percent(right / n)} with ${trained}`);
  const sofar = fewer.length === 0 ? "" : `It was right for ${fewer.join(", ")} of them. `;
  return typeof twice === "number"
    ? `${sofar}Twice the photos would give about ${percent(twice)}.`
    : `${sofar}From this it cannot be told what more photos would bring.`;
}
