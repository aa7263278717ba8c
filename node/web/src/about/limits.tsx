/** The limits of the service, each by the variable that sets it. */
import { megabytes } from "../format.js";
import { service } from "../state.js";

export function Limits() {
  const limits = Object.entries(service.value?.limits ?? {});
  if (limits.length === 0) return null;
  return (
    <section aria-labelledby="limits-title">
      <h2 id="limits-title">Limits</h2>
      <table class="limits">
        <caption class="unseen">Limits of this service</caption>
        <thead>
          <tr>
            <th scope="col">Variable</th>
            <th scope="col">At most</th>
          </tr>
        </thead>
        <tbody>
          {limits.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">
                <code>{name.toUpperCase()}</code>
              </th>
              <td>{worded(name, value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** By the unit that stands in the name. */
function worded(name: string, value: number): string {
  if (name === "requests_per_window_max" && value === 0) return "no limit";
  if (name.includes("bytes")) return megabytes(value);
  if (name.includes("_ms")) return `${value / 1000} s`;
  return value.toLocaleString("en");
}
