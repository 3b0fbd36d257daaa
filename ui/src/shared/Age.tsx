/** How old what is shown is, counted on while it is looked at: a number that stands still says so. */

import { ago, dateTime, UNKNOWN } from "./format";
import { useNow } from "./frame";

export interface AgeProps {
  /** When what is shown was true; null: never yet. */
  atMs: number | null | undefined;
  /** What was done then: `evaluated`, `read`. */
  what?: string;
  testId?: string;
}

export function Age({ atMs, what, testId = "age" }: AgeProps) {
  const now = useNow();
  const known = atMs != null && atMs > 0;
  return <span title={known ? dateTime(atMs) : undefined} data-testid={testId}>{what === undefined ? "" : `${what} `}{known ? ago(atMs, now) : UNKNOWN}</span>;
}
