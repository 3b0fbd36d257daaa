import { expect, test } from "vitest";
import type { GroupSummary } from "@/bindings";
import { drained } from ".";

const group = (more: Partial<GroupSummary>): GroupSummary => ({
  group: "g", state: "Stable", members: 1, topics: [], partitions: 1, partitions_unknown: 0, lag: 204, lag_ms: 5000, status: "ok", reason: "", in_per_second: 60, out_per_second: 59, drained_in_ms: null, sampled_ms: 0, ...more,
});

test.each<[string, Partial<GroupSummary>, string]>([
  ["keeps up with a little under way", {}, "—"],
  ["falls behind", { status: "warn", out_per_second: 40 }, "growing"],
  ["has nobody left", { status: "stop", members: 0, out_per_second: 5 }, "never"],
  ["commits nothing", { status: "stall", out_per_second: 0 }, "never"],
  ["catches up", { out_per_second: 90, drained_in_ms: 8000 }, "8.0 s"],
  ["has no lag", { lag: 0 }, "—"],
])("when a group is drained that %s", (_, more, expected) => expect(drained(group(more))).toBe(expected));
