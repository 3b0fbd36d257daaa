import { expect, test } from "vitest";
import { areNames } from "./ObservedEvents";

const values = (...counts: number[]) => ({ values: counts.map((count, index) => ({ value: `v${index}`, count })) });
const each = (count: number, of = 20) => values(...Array.from({ length: of }, () => count));

test.each<[string, ReturnType<typeof values>, number, "unique" | "many" | null]>([
  ["an order's number", each(1), 1821, "unique"],
  ["a product among very many", each(3), 16_662, "many"],
  ["a category", values(415, 322, 256, 250, 238, 221, 119), 1821, null],
  ["a product of a small shop", each(90), 16_662, null],
  ["few values so far", each(1, 4), 4, null],
  ["no values", values(), 10, null],
])("%s", (_, property, events, expected) => expect(areNames(property, events)).toBe(expected));
