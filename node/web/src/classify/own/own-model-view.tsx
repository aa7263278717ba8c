/** How the graph of the user's own is read: a thing to act on, setting by setting; then used, or registered. */
import type { ModelSpec } from "../../../../src/generated/contract.js";
import { Facts } from "../../components/facts.js";
import { GraphFacts } from "../../components/graph-facts.js";
import { counted, size } from "../../format.js";
import { own, photo } from "../../state.js";
import { readOwn } from "../ask.js";
import { FirstLabels } from "./first-labels.js";
import { Register } from "./register.js";
import { SettingRow } from "./setting-row.js";
import { FURTHER_SETTINGS, SETTINGS } from "./settings.js";
import { Unsure } from "./unsure.js";

export function OwnModelView() {
  const mine = own.value;
  if (mine === null || mine.spec === null) return null;
  const { spec } = mine;
  return (
    <section id="reading" class="reading" aria-labelledby="reading-title">
      <h2 id="reading-title">Your model</h2>
      <p>
        It takes {size(spec.input.width, spec.input.height)} pixels and tells{" "}
        {counted(spec.output.classes, "class", "classes")} apart.{" "}
        {photo.value === null ? "Choose a photo to see what it says." : ""}
      </p>
      <Labels spec={spec} labels={mine.labels} />
      {spec.warnings.length > 0 && (
        <ul id="warnings" class="warnings">
          {spec.warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      )}
      <div class="settings">
        {SETTINGS.map((setting) => (
          <SettingRow key={setting.field} setting={setting} spec={spec} />
        ))}
      </div>
      <Unsure mine={mine} spec={spec} />
      <details>
        <summary>Everything that was found, and why</summary>
        <div class="settings">
          {FURTHER_SETTINGS.map((setting) => (
            <SettingRow key={setting.field} setting={setting} spec={spec} />
          ))}
        </div>
        <button id="inspect" type="button" onClick={() => void readOwn()}>
          Read the graph again
        </button>
        <GraphFacts spec={spec} />
      </details>
      <Register mine={mine} />
    </section>
  );
}

function Labels({ spec, labels }: { readonly spec: ModelSpec; readonly labels: File | null }) {
  if (labels === null) {
    return <p class="small">There are no labels: the answer is the number of the class.</p>;
  }
  const count = spec.labels?.count ?? 0;
  return (
    <>
      <Facts rows={[["Labels", `${count}, ${spec.labels?.format ?? ""}; classes: ${spec.output.classes}`]]} />
      <FirstLabels file={labels} />
    </>
  );
}
