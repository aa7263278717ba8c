/** One setting: what was found and how sure that is, or what the user set, changed in place. */
import type { ModelSpec } from "../../../../src/generated/contract.js";
import { wholePercent } from "../../format.js";
import { own } from "../../state.js";
import { setFields } from "./own-model.js";
import { CONFIDENCE_SURE, confidenceOf, evidenceOf, type Setting } from "./settings.js";

export function SettingRow({ setting, spec }: { readonly setting: Setting; readonly spec: ModelSpec }) {
  const { field, title, choices, found, rests } = setting;
  const id = field.replace("_", "-");
  const set = own.value?.settings[field];
  const confidence = confidenceOf(setting, spec);
  const [evidence] = evidenceOf(rests, spec);
  const change = ({ currentTarget }: { currentTarget: HTMLInputElement | HTMLSelectElement }) =>
    setFields({ [field]: currentTarget.value.trim() });
  return (
    <div class={set === undefined && confidence < CONFIDENCE_SURE ? "setting unsure" : "setting"}>
      <label for={id}>{title}</label>
      {choices.length > 0 ? (
        <select id={id} name={field} value={set ?? ""} onChange={change} aria-describedby={`${id}-sure`}>
          <option value="">{found(spec)}</option>
          {choices.map(({ value, words }) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      ) : (
        <input
          id={id}
          name={field}
          type="text"
          value={set ?? ""}
          placeholder={found(spec)}
          autocapitalize="off"
          autocomplete="off"
          spellcheck={false}
          onChange={change}
          aria-describedby={`${id}-sure`}
        />
      )}
      <div id={`${id}-sure`} class="small">
        {set !== undefined ? "set by you" : `${evidence?.source ?? "read"}, ${wholePercent(confidence)} sure`}
        {set === undefined && evidence !== undefined && (
          <details class="why">
            <summary>
              Why<span class="unseen">: {title}</span>
            </summary>
            {evidence.because}
          </details>
        )}
      </div>
    </div>
  );
}
