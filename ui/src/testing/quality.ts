import type { PreviewRow, QuarantinedRecord } from "@/bindings";
import type { Handlers } from "./fixture";
import { chartSvg } from "./random";

const HOUR_MS = 3_600_000;
const KEPT = 488;

const REASONS = [
  ["malformed", null, "not JSON: expected `,` at byte 41", '{"type":"track","event":"Order Completed" "userId":"u_482113"}'],
  ["blocked", "Order Completed", 'blocked by the tracking plan "shop" (version 3): amount: number is expected, and it is text', '{"type":"track","event":"Order Completed","userId":"u_1","properties":{"amount":"12.5"}}'],
  ["malformed", null, "no identifier: neither userId nor anonymousId", '{"type":"track","event":"Product Viewed","properties":{"sku":"s-88"}}'],
] as const;

function kept(step: number): QuarantinedRecord {
  const [kind, event, reason, value] = REASONS[step % REASONS.length] ?? REASONS[0];
  return {
    id: KEPT - step, source: "shop", topic: "shop.events", partition: step % 12, offset: 88_214_000 - step * 7, kind, event, message_id: event === null ? null : `m-${step}`,
    fields: event === null ? null : "amount", reason, value, timestamp_ms: Date.now() - step * 4000, seen_ms: Date.now() - step * 4000, tries: 0,
  };
}

const TRIED: PreviewRow[] = [
  { partition: 1, offset: 88_213_993, outcome: "event", reason: null, before: '{"event":"Order Completed","properties":{"amount":"12.5","phone":"+49 1"}}', after: '{"event":"Order Completed","properties":{"amount":12.5}}', violations: [] },
  { partition: 4, offset: 88_213_972, outcome: "failed", reason: "the transformation fails on it: 'twelve' is no number", before: '{"event":"Order Completed","properties":{"amount":"twelve"}}', after: null, violations: [] },
];

const PLAN = { version: 1, on_violation: "allow", unplanned: "allow", events: { "Order Completed": { schema: { type: "object", properties: { amount: { type: "number" } }, required: ["amount"] } } } } as const;

/** Tracking plans, transformations and the quarantine of the made-up engine. */
export const quality = {
  quarantine_list: ({ text, event, field, offset, limit }) => {
    const all = Array.from({ length: KEPT }, (_, step) => kept(step))
      .filter((row) => (event === "" || row.event === event) && (field === "" || row.fields === field))
      .filter((row) => `${row.reason} ${row.value}`.toLowerCase().includes(text.toLowerCase()));
    return { records: all.slice(offset, offset + limit), total: all.length, evicted: 0, records_max: 100_000, bytes_max: 268_435_456 };
  },
  quarantine_show: ({ id }) => {
    const record = kept(KEPT - id);
    return { record, value: record.value, cut: false };
  },
  quarantine_replay: () => ({ records: 2, collected: 1, duplicates: 0, left_out: 0, stayed: 1, sample: TRIED }),
  source_preview: ({ transform }) => ({ transform: transform ?? null, rows: TRIED }),
  source_transform_save: () => ({}),
  source_replay: () => ({ records: 0, added: 0, replaced: 0, same: 0, removed: 0, identities: 0, left_out: 0, blocked: 0, malformed: 0, lost: 0, took_ms: 1 }),
  violation_list: () => {
    const now = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
    const row = { first_ms: now - 5 * HOUR_MS, last_ms: now, topic: "shop.events", partition: 1, offset: 88_213_993 };
    return {
      violations: [
        { ...row, source: "shop", event: "Order Completed", field: "amount", count: 41, reason: "number is expected, and it is text", hours: [{ hour_ms: now - 3 * HOUR_MS, count: 12 }, { hour_ms: now - HOUR_MS, count: 21 }, { hour_ms: now, count: 8 }] },
        { ...row, source: "web", event: "Nobody knows", field: "", count: 3, reason: "the tracking plan does not name this event", hours: [{ hour_ms: now, count: 3 }] },
      ],
      total: 44, from_ms: now - 168 * HOUR_MS,
    };
  },
  violation_chart: ({ style }) => ({ svg: chartSvg(style, ["0", "5", "10", "15", "20"], "warn") }),
  plan_list: () => [{ name: "shop", title: null, version: 3, events: 1, sources: ["shop"] }],
  plan_show: ({ name }) => ({ name, file: `tracking-plans/${name}.json`, definition: PLAN, text: JSON.stringify(PLAN, null, 2), sources: ["shop"], versions: [{ version: 3, saved_ms: Date.now() - 60_000 }, { version: 2, saved_ms: Date.now() - 40 * 24 * HOUR_MS }] }),
  plan_infer: () => ({ definition: PLAN, text: JSON.stringify(PLAN, null, 2), events: 20_104, notes: [] }),
  plan_save: ({ name, text }) => ({ name, file: `tracking-plans/${name}.json`, definition: PLAN, text, sources: [], versions: [] }),
  plan_diff: ({ from, to }) => ({ from, to, changes: [{ kind: "changed", event: null, field: null, what: "version 2 is now 3", stricter: false }, { kind: "changed", event: "Order Completed", field: "amount", what: "it is required now", stricter: true }] }),
} satisfies Partial<Handlers>;
