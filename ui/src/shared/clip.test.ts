import { expect, test } from "vitest";
import { clip, clipPair, rowsOf } from "./clip";

test("a short text is whole", () => expect(clip("abc", 3)).toEqual({ shown: "abc", more: null }));
test("a long one says how much is not shown", () => expect(clip("x".repeat(5000), 1000)).toEqual({ shown: "x".repeat(1000), more: "… 4,000 more characters" }));
test("no character is cut in two", () => expect(clip("a😀b", 2).shown).toBe("a"));

const rows = (text: string, columns: number) => {
  const starts = [...rowsOf(text, columns)];
  return starts.map((start, index) => text.slice(start, starts[index + 1] ?? text.length));
};
test.each([
  ["", 4, []], ["abcdefghij", 4, ["abcd", "efgh", "ij"]], ["ab\n\ncd\n", 4, ["ab\n", "\n", "cd\n"]], ["abcd\nefgh", 4, ["abcd\n", "efgh"]], ["abc😀d", 4, ["abc", "😀d"]],
])("%j in %d columns", (text, columns, expected) => {
  expect(rows(text, columns)).toEqual(expected);
  expect(rows(text, columns).join("")).toBe(text);
});

test("of two long texts one sees where they begin to differ", () => {
  expect(clipPair("a", "b", 10)).toEqual(["a", "b"]);
  expect(clipPair(null, "b", 10)).toEqual([null, "b"]);
  const same = "x".repeat(5040);
  expect(clipPair(`${same}1`, `${same}2`, 100)).toEqual([`5,000 the same … ${"x".repeat(40)}1`, `5,000 the same … ${"x".repeat(40)}2`]);
  expect(clipPair("y".repeat(200), "z", 100)[0]).toBe(`${"y".repeat(100)} … 100 more characters`);
});
