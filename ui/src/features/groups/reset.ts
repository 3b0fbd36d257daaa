/** Where offsets shall go, as it is typed and as the engine takes it. */

import type { ResetScope, ResetTo } from "@/bindings";

export type Kind = "earliest" | "latest" | "offset" | "timestamp" | "shift" | "duration" | "csv";

export const KINDS: readonly { value: Kind; label: string; asks: string | null; example: string }[] = [
  { value: "earliest", label: "the beginning", asks: null, example: "" },
  { value: "latest", label: "the end", asks: null, example: "" },
  { value: "offset", label: "an offset", asks: "Offset", example: "14200118" },
  { value: "timestamp", label: "a time", asks: "Time", example: "2026-03-09 14:00:00" },
  { value: "shift", label: "by a number of records", asks: "Records, back with a −", example: "-1000" },
  { value: "duration", label: "back by a time", asks: "Span", example: "2 hours" },
  { value: "csv", label: "offsets of a file", asks: "Lines of topic,partition,offset", example: "orders,0,14200118" },
];

const UNITS: readonly (readonly [RegExp, number])[] = [[/^(s|sec|seconds?)$/, 1e3], [/^(m|min|minutes?)$/, 60e3], [/^(h|hours?)$/, 3600e3], [/^(d|days?)$/, 86_400e3], [/^(w|weeks?)$/, 604_800e3]];

/** `2 hours`, `90s`; null when it is no span. */
export function spanMs(text: string): number | null {
  const [, count, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(text) ?? [];
  const found = UNITS.find(([name]) => unit !== undefined && name.test(unit.toLowerCase()));
  return found === undefined ? null : Math.round(Number(count) * found[1]);
}

function whole(text: string): number | null {
  const clean = text.replaceAll(/[,\s_]/g, "").replace("−", "-");
  return /^[+-]?\d+$/.test(clean) && Number.isSafeInteger(Number(clean)) ? Number(clean) : null;
}

/** Milliseconds, or a time as it is written in the window, in this machine's zone. */
function moment(text: string): number | null {
  const ms = /^\d{11,}$/.test(text.trim()) ? Number(text) : Date.parse(text.trim().replace(" ", "T"));
  return Number.isFinite(ms) ? ms : null;
}

/** Null while what is typed says nothing yet. */
export function target(kind: Kind, text: string): ResetTo | null {
  const given = (value: number | null, make: (value: number) => ResetTo) => (value === null ? null : make(value));
  switch (kind) {
    case "earliest":
    case "latest":
      return kind;
    case "offset":
      return given(whole(text), (offset) => ({ offset }));
    case "timestamp":
      return given(moment(text), (timestamp) => ({ timestamp }));
    case "shift":
      return given(whole(text), (shift) => ({ shift }));
    case "duration":
      return given(spanMs(text), (duration) => ({ duration }));
    case "csv":
      return text.trim() === "" ? null : { csv: text };
  }
}

/** `0, 2, 5-7`; empty: all. Null when it is none of these. */
export function partitions(text: string): number[] | null {
  const parts = text.split(",").map((part) => part.trim()).filter(Boolean);
  const found: number[] = [];
  for (const part of parts) {
    const [, from, to = from] = /^(\d+)(?:\s*-\s*(\d+))?$/.exec(part) ?? [];
    if (from === undefined || Number(to) < Number(from) || Number(to) - Number(from) > 10_000) return null;
    for (let at = Number(from); at <= Number(to); at += 1) found.push(at);
  }
  return found;
}

/** What is meant: everything, a topic, or some of its partitions. */
export function scope(topic: string, text: string): ResetScope[] | null {
  if (topic === "") return [];
  const chosen = partitions(text);
  return chosen === null ? null : [{ topic, partitions: chosen }];
}
