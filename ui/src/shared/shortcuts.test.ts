import { expect, test, vi } from "vitest";
import { keyName, Matcher, type Shortcut } from "./shortcuts";

const entry = (keys: string): Shortcut => ({ keys, label: keys, group: "test", run: vi.fn() });
const list = [entry("Ctrl K"), entry("g t"), entry("g g"), entry("/"), entry("?"), entry("t")];

function pressed(...presses: readonly (readonly [string, number])[]): (string | undefined)[] {
  const matcher = new Matcher();
  return presses.map(([name, at]) => matcher.press(name, at, list)?.keys);
}

test("single keys, combinations and sequences", () => {
  expect(pressed(["Ctrl K", 0], ["/", 10], ["g", 20], ["t", 30])).toEqual(["Ctrl K", "/", undefined, "g t"]);
});
test("a sequence may repeat its first key", () => expect(pressed(["g", 0], ["g", 10])).toEqual([undefined, "g g"]));
test("a slow second key stands alone", () => expect(pressed(["g", 0], ["t", 1500])).toEqual([undefined, "t"]));
test("an unknown second key ends the sequence", () => expect(pressed(["g", 0], ["x", 10], ["t", 20])).toEqual([undefined, undefined, "t"]));
test("the latest registration wins", () => {
  const later = entry("/");
  expect(new Matcher().press("/", 0, [...list, later])).toBe(later);
});
test.each([
  [{ key: "k", ctrlKey: true }, "Ctrl K"], [{ key: "k", metaKey: true }, "Ctrl K"], [{ key: "?", shiftKey: true }, "?"],
  [{ key: "Enter", shiftKey: true }, "Shift Enter"], [{ key: "Z", ctrlKey: true, shiftKey: true }, "Ctrl Shift Z"], [{ key: "z", ctrlKey: true }, "Ctrl Z"], [{ key: "g" }, "g"],
])("%j is %s", (event, expected) => {
  expect(keyName({ ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...event })).toBe(expected);
});
