/** What documents show of a run, compared with the run. */

/** `…` stands for anything; space does not count. */
export function patternOf(output: string): RegExp {
  const literals = withoutSpace(output)
    .split("…")
    .map((literal) => literal.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${literals.join(".*?")}$`);
}

export function withoutSpace(text: string): string {
  return text.replace(/\s+/g, "");
}
