/** Which decoded fields get a column of their own in the table of records. */

import type { Column } from "@/bindings";

export const FIELD_COLUMNS_MAX = 4;

/** What a person reads first. */
const TELLING = ["event", "name", "status", "state", "action", "kind", "type"];
/** What tells rows apart but says nothing, or stands in another column already. */
const SILENT = /(^|[._])(id|uuid|guid|ip|url|uri|token|hash|version|locale|timezone|library|referrer|user_?agent|timestamp|time|ts|sent_?at|received_?at|created_?at|updated_?at)$|[a-z](Id|At|Uuid|Url)$|_id$|_at$/i;

/**
 * At most `FIELD_COLUMNS_MAX` of the fields found: those shown already keep their place, so that nothing moves while it
 * is read; new ones are added by how much they tell, then by how frequent they are.
 */
export function pickColumns(found: readonly Column[], shown: readonly string[]): Column[] {
  const byName = new Map(found.map((column) => [column.name, column]));
  const kept = shown.flatMap((name) => byName.get(name) ?? []);
  const rank = ({ name, numeric }: Column) => {
    const last = name.split(".").at(-1) ?? name;
    const telling = TELLING.indexOf(last.toLowerCase());
    return telling >= 0 ? telling : numeric ? TELLING.length : TELLING.length + 1;
  };
  const fresh = found
    .filter((column) => !shown.includes(column.name) && !SILENT.test(column.name) && column.data_type !== "STRUCT" && column.data_type !== "LIST")
    .map((column, index) => ({ column, index }))
    .sort((a, b) => rank(a.column) - rank(b.column) || a.index - b.index)
    .map(({ column }) => column);
  const all = [...kept, ...fresh];
  // Of Segment's events `type` is nearly always `track`: what `event` says is enough.
  const telling = all.some(({ name }) => name === "event") ? all.filter(({ name }) => name !== "type" || shown.includes(name)) : all;
  return telling.slice(0, FIELD_COLUMNS_MAX);
}
