import { expect, test } from "vitest";
import { divided } from "./lines";

test.each([["", [""]], ["a", ["a"]], ["a\nb\n", ["a", "b", ""]], ["abcdefgh\nij", ["abc", "def", "gh", "ij"]], ["ab😀cd", ["ab", "😀c", "d"]]])("%j", (text, expected) => {
  expect(divided(text, 3)).toEqual(expected);
});

test("megabytes without a line's end are many short lines, and nothing is lost", () => {
  const text = "x".repeat(20 * 1024 * 1024);
  const lines = divided(text);
  expect(Math.max(...lines.slice(0, 1000).map(({ length }) => length))).toBe(400);
  expect(lines.reduce((sum, line) => sum + line.length, 0)).toBe(text.length);
});
