import { expect, test } from "vitest";
import type { Activity } from "@/bindings";
import { inOrder, pace } from ".";

const work = (id: number, started_ms: number, more: Partial<Activity> = {}): Activity => ({
  id, kind: "tail", title: "", state: "done", done: null, total: null, per_second: null, started_ms, ended_ms: started_ms, detail: null, error: null, can_cancel: false, ...more,
});

test("what runs stands first, then the latest", () => {
  const rows = [work(1, 100, { state: "running", ended_ms: null }), work(2, 300), work(3, 200, { state: "failed" }), work(4, 50, { state: "running", ended_ms: null })];
  expect(inOrder(rows).map(({ id }) => id)).toEqual([1, 4, 2, 3]);
});

test.each<[string, Activity, number | null]>([
  ["running, as it says", work(1, 0, { state: "running", ended_ms: null, done: 10, per_second: 40 }), 40],
  ["running, the mean", work(1, 0, { state: "running", ended_ms: null, done: 100 }), 10],
  ["done, the mean", work(1, 0, { ended_ms: 4000, done: 41_000 }), 10_250],
  ["too short", work(1, 0, { ended_ms: 83, done: 3 }), null],
  ["nothing counted", work(1, 0, { ended_ms: 5000 }), null],
])("the rate of work: %s", (_, row, expected) => expect(pace(row, 10_000)).toBe(expected));
