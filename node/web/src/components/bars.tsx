/** The best classes, each with its share as a bar. */
import type { TopEntry } from "../../../src/generated/contract.js";
import { percent } from "../format.js";

export function Bars({ top, id }: { readonly top: readonly TopEntry[]; readonly id?: string }) {
  return (
    <ol id={id} class="bars">
      {top.map(({ label, index, probability }) => (
        <li key={index}>
          <span class="name">
            <bdi>{label}</bdi>
          </span>
          <data value={String(probability)}>{percent(probability)}</data>
          <span class="bar">
            <span style={{ width: `${100 * probability}%` }} />
          </span>
        </li>
      ))}
    </ol>
  );
}
