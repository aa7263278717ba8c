/** Which of many photos are shown, and in what order. */
import type { Item } from "./batch.js";
import { BANDS, type Filter, labelCounts } from "./order.js";

interface Props {
  readonly items: readonly Item[];
  readonly filter: Filter;
  readonly isCompared: boolean;
  readonly onChange: (filter: Filter) => void;
}

export function FilterBar({ items, filter, isCompared, onChange }: Props) {
  const set = (change: Partial<Filter>) => onChange({ ...filter, ...change });
  return (
    <div class="filters">
      <label>
        Label
        <select value={filter.label} onChange={({ currentTarget }) => set({ label: currentTarget.value })}>
          <option value="">any</option>
          {labelCounts(items).map(([label, count]) => (
            <option key={label} value={label}>
              {label} ({count})
            </option>
          ))}
        </select>
      </label>
      <label>
        Confidence
        <select
          value={filter.band}
          onChange={({ currentTarget }) => set({ band: currentTarget.value as Filter["band"] })}
        >
          <option value="">any</option>
          {BANDS.map((band) => (
            <option key={band} value={band}>
              {band}
            </option>
          ))}
        </select>
      </label>
      <label>
        Show
        <select
          value={filter.state}
          onChange={({ currentTarget }) => set({ state: currentTarget.value as Filter["state"] })}
        >
          <option value="all">all</option>
          <option value="failed">those that failed</option>
          {isCompared && <option value="differ">where the models differ</option>}
        </select>
      </label>
      <label>
        Sort by
        <select
          value={filter.sortedBy}
          onChange={({ currentTarget }) => set({ sortedBy: currentTarget.value as Filter["sortedBy"] })}
        >
          <option value="place">their order</option>
          <option value="surest">the surest first</option>
          <option value="least sure">the least sure first</option>
          {isCompared && <option value="differences">differences first</option>}
        </select>
      </label>
    </div>
  );
}
