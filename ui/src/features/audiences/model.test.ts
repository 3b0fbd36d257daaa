import { expect, test } from "vitest";
import type { Condition, Operator, Value } from "@/bindings";
import { append, asGroup, change, fromValue, groupKind, listPrefix, namedPath, negate, regroup, toValue, withOperator, type GroupKind } from "./model";

const a: Condition = { in_audience: "a" };
const b: Condition = { in_audience: "b" };
const c: Condition = { in_audience: "c" };
const tree: Condition = { all: [a, { any: [b, { not: c }] }] };

test("a condition deep in the tree is changed, the rest kept", () => {
  expect(change(tree, [1, 0], () => a)).toEqual({ all: [a, { any: [a, { not: c }] }] });
  expect(change(tree, [1, 1, 0], () => b)).toEqual({ all: [a, { any: [b, { not: b }] }] });
});
test("taking out what a not holds takes out the not", () => expect(change(tree, [1, 1, 0], () => null)).toEqual({ all: [a, { any: [b] }] }));
test("a group goes with its last condition, and what holds it likewise", () => {
  expect(change({ all: [a, { not: { any: [b] } }] }, [1, 0, 0], () => null)).toEqual({ all: [a] });
  expect(change({ all: [a] }, [0], () => null)).toBeNull();
  expect(change({ all: [] }, [], (group) => append(group, b))).toEqual({ all: [b] });
});
test.each<[GroupKind, Condition]>([["all", { all: [a, b] }], ["any", { any: [a, b] }], ["none", { not: { any: [a, b] } }], ["not_all", { not: { all: [a, b] } }]])("a group becomes %s", (kind, expected) => {
  expect(regroup({ any: [a, b] }, kind)).toEqual(expected);
  expect(regroup({ not: { any: [a, b] } }, kind)).toEqual(expected);
  expect(groupKind(expected)).toBe(kind);
});
test("what is no group has no kind", () => expect([groupKind(a), groupKind({ not: a }), groupKind({ not: { not: a } })]).toEqual([null, null, null]));
test.each([["condition 1.0: there is no column plam", "1.0"], ["loyal: condition 3: cycle", "3"], ["the condition is empty", null]])("%j names %s", (message, path) => expect(namedPath(message)).toBe(path));
test.each([["", ""], ["sho", ""], ["shoes, ba", "shoes, "], ["shoes,bags,", "shoes,bags, "]])("of %j the part before the last item is %j", (text, prefix) => expect(listPrefix(text)).toBe(prefix));
test("the original is left alone", () => {
  const before = JSON.stringify(tree);
  change(tree, [1], (group) => append(group, c));
  expect(JSON.stringify(tree)).toBe(before);
});
test("not goes on and off", () => expect(negate(negate(a))).toEqual(a));
test.each<[Condition | null, Condition]>([[null, { all: [] }], [a, { all: [a] }], [{ any: [a] }, { any: [a] }], [{ not: a }, { all: [{ not: a }] }]])("%j is edited as %j", (given, expected) => expect(asGroup(given)).toEqual(expected));

test.each<[string, Operator, string | undefined, Value]>([
  ["pro", "=", "VARCHAR", "pro"], ["3", "=", "VARCHAR", "3"], ["3", "=", "BIGINT", 3], ["3.5", ">", undefined, 3.5], ["true", "=", "BOOLEAN", true],
  ["shoes, bags", "in", "VARCHAR", ["shoes", "bags"]], ["1,2", "between", "DOUBLE", [1, 2]], ["12", "contains", undefined, "12"], ["", "=", undefined, ""],
])("%j with %s of %s is %j", (text, op, type, expected) => expect(toValue(text, op, type)).toEqual(expected));
test("values are read back", () => expect(fromValue(["shoes", "bags"])).toBe("shoes, bags"));
test("another operator keeps what it can", () => {
  expect(withOperator({ op: "=", value: "shoes" }, "in")).toEqual({ op: "in", value: ["shoes"] });
  expect(withOperator({ op: "=", value: "shoes" }, "exists")).toEqual({ op: "exists" });
});
