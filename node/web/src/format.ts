/** Numbers and sizes for people. */

/** 0.934 as `93.4 %`; what is above zero never reads as nothing. */
export function percent(share: number): string {
  return share > 0 && share < 0.0005 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`;
}

/** 0.99 as `99 %`. */
export function wholePercent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

export function megabytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes < 100_000 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function millions(count: number): string {
  return `${(count / 1e6).toFixed(1)} million`;
}

/** `1 photo`, `2 photos`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** 75 as `1 min 15 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  return whole < 3600
    ? `${Math.floor(whole / 60)} min ${whole % 60} s`
    : `${Math.floor(whole / 3600)} h ${Math.round((whole % 3600) / 60)} min`;
}

/** Width and height, kept on one line. */
export function size(width: number | null, height: number | null): string {
  return `${width ?? "?"}\u00a0×\u00a0${height ?? "?"}`;
}

/** Equal values as one; at most four digits behind the point. */
export function brief(values: readonly number[]): string {
  const rounded = values.map((value) => Number(value.toFixed(4)));
  const distinct = [...new Set(rounded)];
  return distinct.length === 1 ? String(distinct[0]) : `[${rounded.join(", ")}]`;
}

export function shown(value: unknown): string {
  if (Array.isArray(value)) return brief(value);
  return value === null || value === undefined ? "not stated" : String(value);
}
