/** What the doctor says of one thing that the service stands on. */
export interface Finding {
  /** What was looked at, such as `port`. */
  readonly check: string;
  /** `amber`: it works, and less well or less safely than it could. */
  readonly state: "green" | "amber" | "red";
  /** What was found, in one sentence. */
  readonly found: string;
  /** The one command that mends it; null where there is nothing to mend, or no command that could. */
  readonly mend: string | null;
}

export function green(check: string, found: string): Finding {
  return { check, state: "green", found, mend: null };
}

export function amber(check: string, found: string, mend: string | null): Finding {
  return { check, state: "amber", found, mend };
}

export function red(check: string, found: string, mend: string): Finding {
  return { check, state: "red", found, mend };
}
