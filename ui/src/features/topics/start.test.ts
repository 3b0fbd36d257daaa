import { expect, test } from "vitest";
import { toStart, type StartKind } from "./start";

test.each<[StartKind, string, unknown]>([
  ["end", "", "end"], ["beginning", "x", "beginning"], ["last", "1,000", { last: 1000 }], ["offset", " 88214458 ", { offset: 88214458 }],
  ["time", "1773064800000", { timestamp: 1773064800000 }],
  ["time", "2026-03-09 14:00", { timestamp: new Date(2026, 2, 9, 14).getTime() }],
  ["time", "2026-03-09", { timestamp: new Date(2026, 2, 9).getTime() }],
])("%s %s", (kind, detail, expected) => expect(toStart(kind, detail)).toEqual({ start: expected }));

test.each<[StartKind, string]>([["last", ""], ["last", "-3"], ["offset", "abc"], ["time", "yesterday"]])("%s %j is refused with a sentence", (kind, detail) => {
  expect(toStart(kind, detail).wrong).toMatch(/^Write .*\.$/);
});
