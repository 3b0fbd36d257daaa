import { expect, test } from "vitest";
import { toHeaders, toPositions } from "./model";

test.each<[string, ReturnType<typeof toHeaders>]>([
  ["", []],
  ["a=1\n\n b = x=y", [{ name: "a", value: "1" }, { name: "b", value: " x=y" }]],
  ["a=", [{ name: "a", value: "" }]],
  ["a", null],
  ["=1", null],
])("headers as they are written: %j", (written, expected) => expect(toHeaders(written)).toEqual(expected));

test.each<[string, ReturnType<typeof toPositions>]>([
  ["0:120, 1:98", [{ partition: 0, offset: 120 }, { partition: 1, offset: 98 }]],
  ["0:120,", null],
  ["", null],
  ["a:1", null],
])("positions as an interrupted copy says: %j", (written, expected) => expect(toPositions(written)).toEqual(expected));
