import { expect, test } from "vitest";
import type { ResetTo } from "@/bindings";
import { partitions, scope, spanMs, target, type Kind } from "./reset";

test.each<[Kind, string, ResetTo | null]>([
  ["earliest", "", "earliest"],
  ["latest", "anything", "latest"],
  ["offset", "14,200,118", { offset: 14_200_118 }],
  ["offset", "", null],
  ["shift", "−100", { shift: -100 }],
  ["shift", "ten", null],
  ["duration", "2 hours", { duration: 7_200_000 }],
  ["duration", "2 fortnights", null],
  ["timestamp", "1767225600000", { timestamp: 1_767_225_600_000 }],
  ["timestamp", "2026-01-01T00:00:00Z", { timestamp: 1_767_225_600_000 }],
  ["timestamp", "soon", null],
  ["csv", " ", null],
  ["csv", "a,0,1", { csv: "a,0,1" }],
])("%s of “%s”", (kind, text, expected) => expect(target(kind, text)).toEqual(expected));

test("partitions are numbers and ranges of them", () => {
  expect(partitions("")).toEqual([]);
  expect(partitions("0, 2,5-7")).toEqual([0, 2, 5, 6, 7]);
  expect(partitions("7-5")).toBeNull();
  expect(partitions("x")).toBeNull();
  expect(scope("", "whatever")).toEqual([]);
  expect(scope("orders", "1")).toEqual([{ topic: "orders", partitions: [1] }]);
  expect(scope("orders", "x")).toBeNull();
});

test("spans", () => {
  expect(spanMs("90s")).toBe(90_000);
  expect(spanMs("1.5 h")).toBe(5_400_000);
  expect(spanMs("h")).toBeNull();
});
