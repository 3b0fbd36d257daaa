import { expect, test } from "vitest";
import { endKind, fromEndDetail, fromPartitions, rangeText, toEnd, toPartitions, toStart, type StartKind } from "./start";

const NOW = new Date(2026, 2, 9, 15, 30).getTime();

test.each<[StartKind, string, unknown]>([
  ["end", "", "end"], ["beginning", "x", "beginning"], ["last", "1,000", { last: 1000 }], ["offset", " 88214458 ", { offset: 88214458 }],
  ["time", "1773064800000", { timestamp: 1773064800000 }],
  ["time", "2026-03-09 14:00", { timestamp: new Date(2026, 2, 9, 14).getTime() }],
  ["time", "2026-03-09 14:00:05.250", { timestamp: new Date(2026, 2, 9, 14, 0, 5, 250).getTime() }],
  ["time", "2026-03-09", { timestamp: new Date(2026, 2, 9).getTime() }],
  ["time", "2026-03-09T14:00:00Z", { timestamp: Date.UTC(2026, 2, 9, 14) }],
  ["time", "9:05", { timestamp: new Date(2026, 2, 9, 9, 5).getTime() }],
  ["time", "14:00:30", { timestamp: new Date(2026, 2, 9, 14, 0, 30).getTime() }],
])("%s %s", (kind, detail, expected) => expect(toStart(kind, detail, NOW)).toEqual({ start: expected }));

test.each<[StartKind, string]>([["last", ""], ["last", "-3"], ["offset", "abc"], ["time", "yesterday"], ["time", ""], ["time", "25:00"]])("%s %j is refused with a sentence", (kind, detail) => {
  expect(toStart(kind, detail, NOW).wrong).toMatch(/^Write .*\.$/);
});

const NEVER = { untilMs: null, stopAtEnd: false, limit: null };
test.each([
  ["", NEVER, "never"], ["end", { ...NEVER, stopAtEnd: true }, "end"], ["51 records", { ...NEVER, limit: 51 }, "count"], ["14:00", { ...NEVER, untilMs: new Date(2026, 2, 9, 14).getTime() }, "time"],
])("until %j", (written, expected, kind) => {
  expect(toEnd(written, NOW)).toEqual(expected);
  expect(endKind(written)).toBe(kind);
});
test.each([["count", "1,000", "1000 records"], ["count", "0", undefined], ["count", "x", undefined], ["time", " 14:00 ", "14:00"], ["time", "soon", undefined]] as const)("%s %j is kept as %j", (kind, detail, until) => {
  const read = fromEndDetail(kind, detail, NOW);
  expect(read.until).toBe(until);
  if (until === undefined) expect(read.wrong).toMatch(/^Write .*\.$/);
});
test("an end that is no time is refused", () => expect(toEnd("soon", NOW).wrong).toMatch(/^Write the time to stop at/));

test.each([["", []], ["0", [0]], ["5, 0 ,3-4", [0, 3, 4, 5]], ["2,2,1-2", [1, 2]]])("partitions %j", (written, partitions) => expect(toPartitions(written, 6)).toEqual({ partitions }));
test.each(["6", "a", "4-2", "-1", "3-9"])("partitions %j are refused", (written) => expect(toPartitions(written, 6).wrong).toMatch(/\.$/));
test.each([[[], ""], [[3], "3"], [[5, 0, 4, 3], "0, 3-5"], [[0, 1], "0, 1"], [[0, 1, 2, 7, 8], "0-2, 7, 8"]])("%j is written %j", (partitions, written) => {
  expect(fromPartitions(partitions)).toBe(written);
  expect(toPartitions(written, 9)).toEqual({ partitions: [...partitions].sort((a, b) => a - b) });
});

test.each<[StartKind, string, string, string]>([
  ["end", "", "", "now"], ["beginning", "", "end", "beginning until the end"], ["last", "1000", "", "last 1,000"], ["offset", "", "", "offset …"], ["time", "2026-03-09 14:00", "15:00", "2026-03-09 14:00 until 15:00"], ["offset", "88", "1000 records", "offset 88, 1,000 records"],
])("%s %s until %s is shown as %s", (kind, at, until, expected) => expect(rangeText(kind, at, until)).toBe(expected));
