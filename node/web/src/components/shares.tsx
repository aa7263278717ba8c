/** How often something was right, row by row, each with a bar. */
import type { RightOf } from "../api.js";
import { wholePercent } from "../format.js";

interface Row extends RightOf {
  readonly name: string;
  /** The share that it should be, 0–1. */
  readonly expected?: number;
}

export function Shares({ caption, rows }: { readonly caption: string; readonly rows: readonly Row[] }) {
  return (
    <table class="shares">
      <caption>{caption}</caption>
      <tbody>
        {rows.map(({ name, right, n, expected }) => (
          <tr key={name}>
            <th scope="row">
              <bdi>{name}</bdi>
            </th>
            <td>
              {n === 0 ? "never" : shareOf({ right, n })}
              {n > 0 && (
                <span class="bar">
                  <span style={{ width: `${(100 * right) / n}%` }} />
                  {expected !== undefined && <i style={{ left: `${100 * expected}%` }} />}
                </span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** 0.9 of 10 as `90 %, 9 of 10`. */
export function shareOf({ right, n }: RightOf): string {
  return n === 0
    ? "not known"
    : `${wholePercent(right / n)}, ${right.toLocaleString("en")} of ${n.toLocaleString("en")}`;
}
