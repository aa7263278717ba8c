/** The part of the photo in numbers, for whoever cannot or will not drag. */
import { clamp, fit, type Region, type Size } from "./region.js";
import { setPart } from "./region-box.js";

type Part = Exclude<Region, { kind: "whole" }>;

export function RegionFields({ region: part, size }: { readonly region: Part; readonly size: Size }) {
  const names: readonly [field: string, words: string][] =
    part.kind === "crop"
      ? [
          ["x", "Left"],
          ["y", "Top"],
          ["width", "Width"],
          ["height", "Height"],
        ]
      : [
          ["x", "Left"],
          ["y", "Top"],
          ["side", "Side"],
        ];
  const set = (field: string, value: number) => {
    if (!Number.isFinite(value)) return;
    const changed = { ...part, [field]: Math.round(value) } as Part;
    setPart(
      changed.kind === "crop"
        ? fit(changed, size)
        : {
            ...changed,
            x: clamp(changed.x, 0, size.width - 1),
            y: clamp(changed.y, 0, size.height - 1),
            side: clamp(changed.side, 1, Math.max(size.width, size.height)),
          },
    );
  };
  return (
    <div class="numbers">
      {names.map(([field, words]) => (
        <label key={field}>
          {words}
          <input
            type="number"
            name={`region-${field}`}
            min={0}
            value={(part as unknown as Record<string, number>)[field]}
            onChange={({ currentTarget }) => set(field, currentTarget.valueAsNumber)}
          />
        </label>
      ))}
    </div>
  );
}
