/** Where a tail starts, as the address and a person write it. */

import type { TailStart } from "@/bindings";

export const STARTS = [
  { value: "end", label: "now" },
  { value: "beginning", label: "beginning" },
  { value: "last", label: "last…", hint: "records of each partition" },
  { value: "offset", label: "offset…" },
  { value: "time", label: "time…" },
] as const;

export type StartKind = (typeof STARTS)[number]["value"];

export function isStartKind(value: string): value is StartKind {
  return STARTS.some((start) => start.value === value);
}

export const START_HINTS: Readonly<Record<StartKind, string>> = { end: "", beginning: "", last: "1000", offset: "88214458", time: "2026-03-09 14:00" };

export type ReadStart = { start: TailStart; wrong?: never } | { start?: never; wrong: string };

/** `wrong` is a sentence where the detail cannot be read. */
export function toStart(kind: StartKind, detail: string): ReadStart {
  const text = detail.trim();
  switch (kind) {
    case "end":
    case "beginning":
      return { start: kind };
    case "last":
    case "offset": {
      const plain = text.replaceAll(",", "");
      if (!/^\d+$/.test(plain)) return { wrong: kind === "last" ? "Write how many records of each partition to start with, such as 1000." : "Write the offset to start at, such as 88214458." };
      return { start: kind === "last" ? { last: Number(plain) } : { offset: Number(plain) } };
    }
    case "time": {
      if (/^\d{10,}$/.test(text)) return { start: { timestamp: Number(text) } };
      // A date alone would be read as UTC; everything here is local.
      const at = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00` : text.replace(" ", "T"));
      return Number.isNaN(at) ? { wrong: "Write the time to start at, such as 2026-03-09 14:00 or milliseconds since 1970." } : { start: { timestamp: at } };
    }
  }
}
