import { expect, test } from "vitest";
import { advice, sentence, toAppError, told } from "./errors";

const known = { domain: "user" as const, retry: false, code: "unknown_topic", message: "Topic orders does not exist on prod." };

test.each([
  ["an error of a command", known, known],
  ["wrapped as a cause", new Error("x", { cause: known }), known],
])("%s is passed on whole", (_, value, expected) => expect(toAppError(value)).toBe(expected));

test("anything else becomes an internal error that a person can read", () => {
  expect(toAppError(new TypeError("x is undefined"))).toMatchObject({ domain: "internal", message: "x is undefined" });
  for (const odd of [null, undefined, {}, 3]) expect(toAppError(odd).message).toMatch(/Reload/);
});

test("every kind has its advice", () => {
  const texts = [known, { ...known, domain: "external" as const, retry: true }, { ...known, domain: "external" as const }, { ...known, domain: "internal" as const }].map(advice);
  expect(new Set(texts).size).toBe(4);
});

test.each([
  ["there is no column nope", "There is no column nope"], ["crm refused 2 rows", "crm refused 2 rows"], ["the-topic is gone", "the-topic is gone"], ["Already so", "Already so"], ["it commits", "It commits"],
])("%j is read as %j: a name keeps its case", (message, expected) => expect(sentence(message)).toBe(expected));

test("where it lies is said once", () => {
  const message = "line 1, column 8: there is no column nope";
  expect(told({ ...known, message, position: { line: 1, column: 8 } })).toBe("There is no column nope");
  expect(told({ ...known, message })).toBe(message);
});
