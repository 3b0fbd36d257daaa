/** Where a tail starts and ends, and which partitions it reads: as the address and a person write them. */

import type { TailStart } from "@/bindings";
import { dateTime, number, zone } from "@/shared/format";

export const STARTS = [
  { value: "beginning", label: "Beginning", about: "the oldest record kept" },
  { value: "end", label: "Now", about: "only what arrives" },
  { value: "last", label: "Last", about: "records of each partition" },
  { value: "offset", label: "Offset", about: "in each partition" },
  { value: "time", label: "Time", about: "of the record" },
] as const;

export type StartKind = (typeof STARTS)[number]["value"];

export const ENDS = [
  { value: "never", label: "Never", about: "stays live" },
  { value: "end", label: "At the end", about: "that the topic has now" },
  { value: "count", label: "After", about: "so many matched records" },
  { value: "time", label: "At a time", about: "of the record" },
] as const;

export type EndKind = (typeof ENDS)[number]["value"];

export function isStartKind(value: string): value is StartKind {
  return STARTS.some((start) => start.value === value);
}

export const START_HINTS: Readonly<Record<StartKind, string>> = { beginning: "", end: "", last: "1000", offset: "88214458", time: "2026-03-09 14:00" };

export type ReadStart = { start: TailStart; wrong?: never } | { start?: never; wrong: string };

const TIME_WRONG = "Write a time such as 2026-03-09 14:00, 14:00 of today, or milliseconds since 1970.";

/** `wrong` is a sentence where the detail cannot be read. */
export function toStart(kind: StartKind, detail: string, nowMs = Date.now()): ReadStart {
  switch (kind) {
    case "end":
    case "beginning":
      return { start: kind };
    case "last":
    case "offset": {
      const plain = detail.trim().replaceAll(",", "");
      if (!/^\d+$/.test(plain)) return { wrong: kind === "last" ? "Write how many records of each partition to start with, such as 1000." : "Write the offset to start at, such as 88214458." };
      return { start: kind === "last" ? { last: Number(plain) } : { offset: Number(plain) } };
    }
    case "time": {
      const at = readTime(detail, nowMs);
      return at === null ? { wrong: TIME_WRONG } : { start: { timestamp: at } };
    }
  }
}

/** A time of this machine's zone, or milliseconds since 1970; null where it is neither. */
export function readTime(written: string, nowMs: number): number | null {
  const text = written.trim();
  if (/^\d{10,}$/.test(text)) return Number(text);
  const today = new Date(nowMs);
  const day = [today.getFullYear(), two(today.getMonth() + 1), two(today.getDate())].join("-");
  // A time alone is today's. A date alone would be read as UTC; everything here is local.
  const full = /^\d{1,2}:\d{2}/.test(text) ? `${day}T${/^\d:/.test(text) ? "0" : ""}${text}` : /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00` : text.replace(" ", "T");
  if (!/^\d{4}-/.test(full)) return null;
  const at = Date.parse(full);
  return Number.isNaN(at) ? null : at;
}

/** `2026-03-09 14:00:00 UTC+1`: the zone is that of the time itself. */
export function withZone(ms: number): string {
  return `${dateTime(ms)} ${zone(-new Date(ms).getTimezoneOffset())}`;
}

export const END_HINTS: Readonly<Record<EndKind, string>> = { never: "", end: "", count: "1000", time: "2026-03-09 15:00" };

export type ReadEnd = { untilMs: number | null; stopAtEnd: boolean; limit: number | null; wrong?: never } | { wrong: string };

/** In the address: absent, `end`, `1000 records`, or a time. */
export function toEnd(written: string, nowMs = Date.now()): ReadEnd {
  const never = { untilMs: null, stopAtEnd: false, limit: null };
  if (written === "") return never;
  if (written === "end") return { ...never, stopAtEnd: true };
  const counted = COUNTED.exec(written);
  if (counted) return { ...never, limit: Number(counted[1]) };
  const at = readTime(written, nowMs);
  return at === null ? { wrong: TIME_WRONG.replace("Write a time", "Write the time to stop at,") } : { ...never, untilMs: at };
}

const COUNTED = /^([1-9]\d{0,8}) records?$/;

export function endKind(written: string): EndKind {
  return written === "" ? "never" : written === "end" ? "end" : COUNTED.test(written) ? "count" : "time";
}

/** The detail as it stands in its field, and back as the address has it. */
export function endDetail(written: string): string {
  return COUNTED.exec(written)?.[1] ?? written;
}

export function fromEndDetail(kind: EndKind, detail: string, nowMs = Date.now()): { until: string; wrong?: never } | { until?: never; wrong: string } {
  const text = detail.trim().replaceAll(kind === "count" ? "," : "", "");
  if (kind === "count") return COUNTED.test(`${text} records`) ? { until: `${text} records` } : { wrong: "Write after how many records to stop, such as 1000." };
  return readTime(text, nowMs) === null ? { wrong: TIME_WRONG } : { until: text };
}

/** What stands on the button: `now`, `last 1,000`, `beginning until its end`. */
export function rangeText(kind: StartKind, at: string, until: string): string {
  const from = kind === "end" ? "now" : kind === "beginning" ? "beginning" : kind === "time" ? at || "…" : `${kind} ${/^\d+$/.test(at) ? number(Number(at)) : at || "…"}`;
  const end = endKind(until);
  return end === "never" ? from : end === "count" ? `${from}, ${number(Number(endDetail(until)))} records` : `${from} until ${end === "end" ? "the end" : until}`;
}

export type ReadPartitions = { partitions: number[]; wrong?: never } | { partitions?: never; wrong: string };

/** `0, 3-5` of a topic's partitions; empty: all. */
export function toPartitions(written: string, count: number | null): ReadPartitions {
  const chosen = new Set<number>();
  for (const part of written.split(",").map((text) => text.trim()).filter(Boolean)) {
    const range = /^(\d+)(?:\s*-\s*(\d+))?$/.exec(part);
    if (!range) return { wrong: `“${part}” is no partition: write numbers and ranges, such as 0, 3-5.` };
    const from = Number(range[1]);
    const to = range[2] === undefined ? from : Number(range[2]);
    if (to < from || (count !== null && to >= count)) return { wrong: count === null ? `“${part}” is no range.` : `There is no partition ${part}: the topic has 0 to ${count - 1}.` };
    for (let partition = from; partition <= Math.min(to, from + PARTITIONS_MAX); partition += 1) chosen.add(partition);
  }
  return { partitions: [...chosen].sort((a, b) => a - b) };
}

const PARTITIONS_MAX = 10_000;

/** The shortest way to write them: `0, 3-5`. */
export function fromPartitions(partitions: readonly number[]): string {
  const sorted = [...new Set(partitions)].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let index = 0; index < sorted.length; ) {
    let last = index;
    while (sorted[last + 1] === (sorted[last] ?? 0) + 1) last += 1;
    parts.push(last === index ? String(sorted[index]) : `${sorted[index]}${last === index + 1 ? ", " : "-"}${sorted[last]}`);
    index = last + 1;
  }
  return parts.join(", ");
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
