/** Which decoded fields get a column of their own in the table of records, and what stands above them. */

import type { Column } from "@/bindings";

export const FIELD_COLUMNS_MAX = 4;

/** What a person reads first. */
const TELLING = ["event", "name", "status", "state", "action", "kind", "type"];
/** Whom a record is about: more than where it came from, less than what it says. */
const WHO = /^(userId|user_id)$/;
/** What tells rows apart but says nothing, or stands in another column already. */
const SILENT =
  /(^|[._])(id|uuid|guid|ip|url|uri|token|hash|version|locale|timezone|library|referrer|user_?agent|timestamp|time|ts|at|sent_?at|received_?at|created_?at|updated_?at)$|[a-z](Id|At|Uuid|Url|Timestamp)$|_(id|at)$|(^|\.)library\./i;

/** Less is shown sooner: the record's own fields that tell, its properties, what is left, whom it is about, its surroundings. */
function rank({ name, numeric }: Pick<Column, "name" | "numeric">): number {
  const telling = TELLING.indexOf(name.toLowerCase());
  if (telling >= 0) return telling;
  const group = name.startsWith("properties.") || name.startsWith("payload.") || name.startsWith("data.") ? 0 : WHO.test(name) ? 2 : name.startsWith("context.") ? 3 : 1;
  return TELLING.length + 2 * group + (numeric ? 0 : 1);
}

const last = (name: string) => name.split(".").at(-1) ?? name;

/**
 * At most `FIELD_COLUMNS_MAX` of the fields found: those shown already keep their place, so that nothing moves while it
 * is read; new ones are added by how much they tell, then by how frequent they are. A field whose last part another
 * column has already (`traits.name` beside `properties.name`) comes after all others.
 */
export function pickColumns(found: readonly Column[], shown: readonly string[]): Column[] {
  const byName = new Map(found.map((column) => [column.name, column]));
  const picked = shown.flatMap((name) => byName.get(name) ?? []);
  const fresh = found
    .filter((column) => (WHO.test(column.name) || !SILENT.test(column.name)) && column.data_type !== "STRUCT" && column.data_type !== "LIST")
    // Of Segment's events `type` is nearly always `track`.
    .filter((column) => !(column.name === "type" && byName.has("event")))
    .map((column, index) => ({ column, index }))
    .sort((a, b) => rank(a.column) - rank(b.column) || a.index - b.index)
    .map(({ column }) => column);
  const repeated: Column[] = [];
  for (const column of fresh) {
    if (picked.some(({ name }) => name === column.name)) continue;
    if (picked.some(({ name }) => last(name) === last(column.name))) repeated.push(column);
    else if (picked.length < FIELD_COLUMNS_MAX) picked.push(column);
  }
  return [...picked, ...repeated].slice(0, FIELD_COLUMNS_MAX);
}

/** A path longer than this is elided in its middle. */
const PARTS_MAX = 2;

/**
 * What stands above each column: the last part of its path, or as much of the path as tells it from the others:
 * `name`, `properties.name`, `context…name`.
 */
export function fieldTitles(names: readonly string[]): string[] {
  return names.map((name) => {
    const parts = name.split(".");
    for (let kept = 1; kept < parts.length; kept += 1) {
      const title = parts.slice(-kept).join(".");
      const unique = names.every((other) => other === name || !(other === title || other.endsWith(`.${title}`)));
      if (unique) return kept > PARTS_MAX ? elided(parts.slice(-kept)) : title;
    }
    return parts.length > PARTS_MAX ? elided(parts) : name;
  });
}

function elided(parts: readonly string[]): string {
  return `${parts[0] ?? ""}…${parts.at(-1) ?? ""}`;
}

/** The columns beside those that are always there, in px: partition, offset, time, key, and the value at its least. */
export const FIXED_PX = 46 + 98 + 156 + 84;
export const VALUE_PX_MIN = 160;

export function fieldWidth({ name, numeric }: Pick<Column, "name" | "numeric">, title: string): number {
  const least = Math.min(150, title.length * 7 + 20);
  return Math.max(numeric ? 80 : name === "event" ? 130 : 92, least);
}

/** Of the picked fields those that leave the value its room, the most telling first; at least one. 0: not measured yet. */
export function fitting<C extends Pick<Column, "name" | "numeric">>(fields: readonly C[], roomPx: number): readonly C[] {
  if (roomPx === 0) return fields;
  let left = roomPx - FIXED_PX - VALUE_PX_MIN;
  const titles = fieldTitles(fields.map(({ name }) => name));
  const order = fields.map((field, index) => ({ index, field, width: fieldWidth(field, titles[index] ?? field.name) })).sort((a, b) => rank(a.field) - rank(b.field) || a.index - b.index);
  const kept = new Set<number>();
  for (const { index, width } of order) {
    if (kept.size > 0 && width > left) break;
    kept.add(index);
    left -= width;
  }
  return fields.filter((_, index) => kept.has(index));
}
