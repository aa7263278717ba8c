import type { ComponentChildren } from "preact";

/** Names with their values. */
export function Facts({
  rows,
  id,
}: {
  readonly rows: readonly (readonly [name: string, value: ComponentChildren])[];
  readonly id?: string;
}) {
  return (
    <dl id={id} class="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
