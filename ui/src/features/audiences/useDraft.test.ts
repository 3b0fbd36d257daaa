import { expect, test } from "vitest";
import type { AudienceDefinition } from "@/bindings";
import { back, forth, step } from "./useDraft";

const START = { own: null, past: [], future: [], changedMs: 0 };
const titled = (title: string): AudienceDefinition => ({ title });

test("changes are undone one by one, down to what is published, and done again", () => {
  const one = step(START, titled("a"), 1000);
  const two = step(one, titled("b"), 2000);
  const undone = back(two);
  expect(undone?.own).toEqual(titled("a"));
  expect(back(undone!)?.own).toBeNull();
  expect(back(back(undone!)!)).toBeNull();
  expect(forth(undone!)?.own).toEqual(titled("b"));
  expect(forth(two)).toBeNull();
});

test("what is typed without a pause is one step", () => {
  const typed = ["L", "Lo", "Loy"].reduce<ReturnType<typeof step>>((history, title, at) => step(history, titled(title), 1000 + at * 100), START);
  expect(back(typed)?.own).toBeNull();
});

test("a change after an undo forgets what was undone", () => {
  const two = step(step(START, titled("a"), 1000), titled("b"), 2000);
  expect(forth(step(back(two)!, titled("c"), 3000))).toBeNull();
});
