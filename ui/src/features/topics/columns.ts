/** Which decoded fields get a column of their own in the table of records. */

import type { Column } from "@/bindings";

export const FIELD_COLUMNS_MAX = 4;

/** What a person reads first. */
const TELLING = ["event", "name", "status", "state", "action", "kind", "type"];
/** What tells rows apart but says nothing, or stands in another column already. */
const SILENT =
  /(^|[._])(id|uuid|guid|ip|url|uri|token|hash|version|locale|timezone|library|referrer|user_?agent|timestamp|time|ts|at|sent_?at|received_?at|created_?at|updated_?at)$|[a-z](Id|At|Uuid|Url|Timestamp)$|_(id|at)$|(^|\.)library\./i;

/** Less is shown sooner: the record's own fields that tell, its properties, what is left, its surroundings. */
function rank({ name, numeric }: Column): number {
  const telling = TELLING.indexOf(name.toLowerCase());
  if (telling >= 0) return telling;
  const group = name.startsWith("properties.") || name.startsWith("payload.") || name.startsWith("data.") ? 0 : name.startsWith("context.") ? 2 : 1;
  return TELLING.length + 2 * group + (numeric ? 0 : 1);
}

const last = (name: string) => name.split(".").at(-1) ?? name;

/**
 * At most `FIELD_COLUMNS_MAX` of the fields found: those shown already keep their place, so that nothing moves while it
 * is read; new ones are added by how much they tell, then by how frequent they are.
 */
export function pickColumns(found: readonly Column[], shown: readonly string[]): Column[] {
  const byName = new Map(found.map((column) => [column.name, column]));
  const picked = shown.flatMap((name) => byName.get(name) ?? []);
  const fresh = found
    .filter((column) => !SILENT.test(column.name) && column.data_type !== "STRUCT" && column.data_type !== "LIST")
    .map((column, index) => ({ column, index }))
    .sort((a, b) => rank(a.column) - rank(b.column) || a.index - b.index);
  for (const { column } of fresh) {
    if (picked.length >= FIELD_COLUMNS_MAX) break;
    // Two columns under one title tell a person little; of Segment's events `type` is nearly always `track`.
    const taken = picked.some(({ name }) => last(name) === last(column.name)) || (column.name === "type" && byName.has("event"));
    if (!taken) picked.push(column);
  }
  return picked.slice(0, FIELD_COLUMNS_MAX);
}
