import { expect, test } from "vitest";
import type { ProfileGraph, TraitValue } from "@/bindings";
import { IDENTIFIERS_MAX, layout, ORIGINS_MAX } from "./graphLayout";
import { onceEach } from "./Profile";
import { identifier } from "./Suppressed";

const named = (...traits: (readonly [string, string | null])[]): TraitValue[] => traits.map(([name, value]) => ({ name, value, origin: "identify" }));

test("what two columns say alike is said once", () => {
  const names = (traits: TraitValue[]) => onceEach(traits).map(({ name }) => name);
  expect(names(named(["email", "a@x"], ["traits_email", "a@x"]))).toEqual(["email"]);
  expect(names(named(["email", "a@x"], ["traits_email", "b@x"]))).toEqual(["email", "traits_email"]);
  expect(names(named(["traits_city", "Turin"]))).toEqual(["traits_city"]);
});

const graph = (origins: readonly number[], ties: readonly (readonly [number, number])[]): ProfileGraph => ({
  origins: origins.map((identifiers, place) => ({
    profile_id: place + 1,
    events: 3,
    identifiers: Array.from({ length: identifiers }, (_, number) => ({ kind: "email", value: `${place}-${number}`, first_seen_ms: 0 })),
  })),
  ties: ties.map(([one, other], merge) => ({ merge, one, other, evidence: "user_id=u", merged_ms: 0 })),
});

test("nothing of a graph lies over anything else", () => {
  const places = layout(graph([1, 3, 0, 2], [[1, 2], [2, 4]]));
  const rows = places.origins.flatMap((origin) => origin.identifiers.map(({ y }) => y));
  expect([...rows].sort((a, b) => a - b)).toEqual(rows);
  expect(new Set(rows).size).toBe(6);
  const profiles = places.origins.map(({ y }) => y);
  for (const [place, y] of profiles.slice(1).entries()) expect(y - (profiles[place] ?? 0)).toBeGreaterThan(30);
  expect(Math.max(...rows, ...profiles)).toBeLessThan(places.height);
  expect(places.ties.map(({ from, to }) => [from, to])).toEqual([[profiles[0], profiles[1]], [profiles[1], profiles[3]]]);
});

test("what a picture has no room for is counted", () => {
  const places = layout(graph([IDENTIFIERS_MAX + 5, ...Array.from({ length: ORIGINS_MAX + 1 }, () => 1)], [[1, ORIGINS_MAX + 2]]));
  expect(places.origins[0]?.more).toBe(5);
  expect(places.more).toBe(2);
  expect(places.ties).toEqual([]);
});

test("an identifier is typed as kind:value", () => {
  expect(identifier("user_id:u_1")).toEqual({ kind: "user_id", value: "u_1" });
  expect(identifier("phone: +49:30")).toEqual({ kind: "phone", value: "+49:30" });
  for (const text of ["", "u_1", ":u_1", "user_id:"]) expect(identifier(text)).toBeNull();
});
