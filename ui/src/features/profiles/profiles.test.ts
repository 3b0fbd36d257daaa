import { expect, test } from "vitest";
import type { TraitValue } from "@/bindings";
import { onceEach } from ".";

const named = (...traits: (readonly [string, string | null])[]): TraitValue[] => traits.map(([name, value]) => ({ name, value, origin: "identify" }));

test("what two columns say alike is said once", () => {
  const names = (traits: TraitValue[]) => onceEach(traits).map(({ name }) => name);
  expect(names(named(["email", "a@x"], ["traits_email", "a@x"]))).toEqual(["email"]);
  expect(names(named(["email", "a@x"], ["traits_email", "b@x"]))).toEqual(["email", "traits_email"]);
  expect(names(named(["traits_city", "Turin"]))).toEqual(["traits_city"]);
});
