/** What the parts of this screen agree on. */

import type { DifferenceRow, SchemaType, SubjectSummary } from "@/bindings";

export const TYPES: Readonly<Record<SchemaType, string>> = { avro: "Avro", protobuf: "Protobuf", json: "JSON Schema" };

export const LEVELS = ["BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE", "NONE"] as const;

/** What each level promises, for whom. */
export const LEVEL_HINTS: Readonly<Record<string, string>> = {
  BACKWARD: "new readers read the version before", BACKWARD_TRANSITIVE: "new readers read every version",
  FORWARD: "readers of the version before read new records", FORWARD_TRANSITIVE: "readers of every version read new records",
  FULL: "both ways, with the version before", FULL_TRANSITIVE: "both ways, with every version", NONE: "anything is accepted",
};

/** Commands whose answers are old after a change of the registry. */
export const STALE = ["subject_list", "subject_show", "schema_show", "schema_compare"] as const;

/** `BACKWARD`, and whether that is the registry's own. */
export function levelText({ level, level_is_global: own }: Pick<SubjectSummary, "level" | "level_is_global">): string {
  if (level === null) return "not known";
  return own === true ? `${level}, the registry’s own` : level;
}

/** Rows of a difference, or where so many that are the same were left out. */
export type Line = DifferenceRow | { skipped: number; at: number };

const CONTEXT = 3;
/** Shorter runs are shown: leaving them out would save nothing. */
const SKIPPED_MIN = 3;

/** Only what changed, with a few lines around it. */
export function folded(rows: readonly DifferenceRow[]): Line[] {
  const near = new Set<number>();
  rows.forEach((row, at) => {
    if (row.change === "same") return;
    for (let around = at - CONTEXT; around <= at + CONTEXT; around += 1) near.add(around);
  });
  const out: Line[] = [];
  for (let at = 0; at < rows.length; ) {
    let end = at;
    while (end < rows.length && !near.has(end)) end += 1;
    if (end - at >= SKIPPED_MIN) {
      out.push({ skipped: end - at, at });
      at = end;
      continue;
    }
    const row = rows[at];
    if (row) out.push(row);
    at += 1;
  }
  return out;
}
