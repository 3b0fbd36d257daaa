import { expect, test } from "vitest";
import type { AlertSummary, GroupSummary } from "@/bindings";
import { lines } from "./Alerts";
import { drained } from "./columns";
import { remark } from "./ResetDialog";

type Row = Parameters<typeof drained>[0];
const group = (more: Partial<GroupSummary>): Row => ({ members: 1, lag: 204, status: "ok", in_per_second: 60, out_per_second: 59, drained_in_ms: null, ...more });

test.each<[string, Partial<GroupSummary>, string]>([
  ["keeps up with a little under way", {}, "—"],
  ["falls behind", { status: "warn", out_per_second: 40 }, "growing"],
  ["has nobody left", { status: "stop", members: 0, out_per_second: 5 }, "never"],
  ["commits nothing", { status: "stall", out_per_second: 0 }, "never"],
  ["catches up", { out_per_second: 90, drained_in_ms: 8000 }, "8.0 s"],
  ["has no lag", { lag: 0 }, "—"],
])("when a group is drained that %s", (_, more, expected) => expect(drained(group(more))).toBe(expected));

test("what was clamped is said", () => {
  const row = { topic: "t", partition: 0, current: 5, new: 100, start: 100, end: 2000, change: 95, clamped_from: 7, note: null };
  expect(remark(row)).toBe("7 is outside of 100 to 2,000");
  expect(remark({ ...row, clamped_from: null, note: "no record is that young: it goes to the end" })).toBe("no record is that young: it goes to the end");
  expect(remark({ ...row, clamped_from: null })).toBe("");
});

test("an alert that says nothing has a line of its own", () => {
  const definition = { clusters: [], groups: [], status: [], for: "1 minute", desktop: true, enabled: true };
  const quiet: AlertSummary = { name: "behind", definition, sentence: "lag of at least 10 records", instances: [] };
  const instance = { cluster: "c", group: "g", state: "firing", since_ms: 1, fired_ms: 2, resolved_ms: null, reason: "why", error: null } as const;
  expect(lines([quiet])).toMatchObject([{ state: "quiet", group: null, why: "lag of at least 10 records" }]);
  expect(lines([{ ...quiet, definition: { ...definition, enabled: false } }])).toMatchObject([{ state: "off" }]);
  expect(lines([{ ...quiet, instances: [instance, { ...instance, group: "h", error: { domain: "external", retry: true, code: "x", message: "no answer" } }] }])).toMatchObject([
    { state: "firing", group: "g", at: 1, why: "why" },
    { group: "h", why: "why · nobody could be told: no answer" },
  ]);
  expect(lines([{ ...quiet, definition: { ...definition, violations: 100 } }])).toMatchObject([{ ofSources: true }]);
});
