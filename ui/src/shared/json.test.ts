import { expect, test } from "vitest";
import { lines, parseJson } from "./json";

const shape = (text: string, open: (path: string, depth: number) => boolean = () => true) => {
  const tree = parseJson(text);
  return tree && lines(tree, open).map((line) => `${"  ".repeat(line.depth)}${line.key === null ? "" : `${line.key}: `}${line.text}`);
};

test("an object is a line for each value", () => {
  expect(shape('{"a":1,"b":{"c":[true,null]},"d":{}}')).toEqual(["{", '  "a": 1', '  "b": {', '    "c": [', "      true", "      null", "    ]", "  }", '  "d": {}', "}"]);
});
test("what is folded says how much it holds", () => {
  expect(shape('{"a":{"x":1,"y":2},"b":[1]}', (_, depth) => depth < 1)).toEqual(["{", '  "a": {2 fields}', '  "b": [1 item]', "}"]);
});
test("numbers keep their digits", () => expect(shape("[1234567890123456789, 1.10, -2e5]")).toEqual(["[", "  1234567890123456789", "  1.10", "  -2e5", "]"]));
test("strings keep their escapes", () => expect(shape(String.raw`"a\"bA{"`)).toEqual([String.raw`"a\"bA{"`]));
test.each(["", "{", '{"a"}', "[1,]", "{} x", "nul", '{"a":1,}'])("%j is not JSON", (text) => expect(parseJson(text)).toBeNull());
test("what is nested beyond reason is text", () => expect(parseJson("[".repeat(5000) + "]".repeat(5000))).toBeNull());
test("agrees with the platform's parser on what is JSON", () => {
  for (const text of ['{"a":[{"b":"c"}]}', " [ ] ", "3", '""', "[[],[[]]]", '{"a":1 "b":2}', "[1 2]", "01"]) {
    let valid = true;
    try { JSON.parse(text); } catch { valid = false; }
    expect(parseJson(text) !== null, text).toBe(valid);
  }
});
test("paths lead to the value", () => {
  const tree = parseJson('{"a b":[{"c":1}]}');
  expect(tree && lines(tree, () => true).find((line) => line.text === "1")?.path).toBe('$."a b"[0].c');
});

/** Read whole, and as it is unfolded. */
const both = (text: string) => [Number.MAX_SAFE_INTEGER, 0].map((wholeMax) => {
  const tree = parseJson(text, wholeMax);
  return tree && lines(tree, () => true).map(({ path, depth, key, text: shown, state }) => ({ path, depth, key, shown, state }));
});
test.each([
  '{"a":1,"b":{"c":[true,null,{}]},"d":[ ],"e":"x,]}\\" {"}', " [1 , -2.50,\n[[]] , \"\" ] ", '"plain"', "12345678901234567890", '{ "a b" : [ { "c" : 1 } , {"c":"[" } ] }',
])("%j is the same, read whole or as it is unfolded", (text) => {
  const [whole, unfolded] = both(text);
  expect(unfolded).toEqual(whole);
});
test("what is folded of a large text is not read, and counted only when it is seen", () => {
  const text = `[${Array.from({ length: 40_000 }, (_, at) => `{"id":${at},"name":"${"n".repeat(90)}","tags":["a","b"]}`).join(",")}]`;
  expect(text.length).toBeGreaterThan(4 * 1024 * 1024);
  const tree = parseJson(text);
  const shown = tree ? lines(tree, (_, depth) => depth < 1) : [];
  expect(shown).toHaveLength(40_002);
  expect(shown[40_000]?.text).toBe("{3 fields}");
  expect(shown[40_000]?.path).toBe("$[39999]");
  const opened = tree ? lines(tree, (path, depth) => depth < 1 || path === "$[1]") : [];
  expect(opened.slice(2, 7).map((line) => `${line.key ?? ""} ${line.text.slice(0, 9)}`)).toEqual([" {", '"id" 1', '"name" "nnnnnnnn', '"tags" [2 items]'.slice(0, 16), " }"]);
});
