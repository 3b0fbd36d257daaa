/** The made-up people: profiles, traits, audiences, what is delivered, and queries. */

import type { Activity, AudienceSummary, Condition, Rows, SyncRun } from "@/bindings";
import type { Handlers } from "./fixture";
import { random } from "./random";

const now = () => Date.now();
const CONDITION: Condition = {
  all: [
    { attribute: { table: "crm.accounts", column: "plan", op: "=", value: "pro" } },
    { performed: { event: "Order Completed", aggregate: "count", op: ">=", value: 3, window: "14 days" } },
    { any: [
      { performed: { event: "Product Viewed", aggregate: "count", op: ">=", value: 1, where: [{ property: "category", op: "in", value: ["shoes", "bags"] }], window: "7 days" } },
      { trait: { name: "lifetime_value", op: ">", value: 1000 } },
    ] },
    { not: { performed: { event: "Order Refunded", aggregate: "count", op: ">=", value: 1 } } },
  ],
};
const SQL = `select p.profile_id
from profiles p
join crm.accounts a on a.user_id = p.user_id
where a.plan = 'pro'
  and performed(p, 'Order Completed', interval '14 days') >= 3
  and (performed(p, 'Product Viewed', interval '7 days') >= 1 or p.lifetime_value > 1000)
  and performed(p, 'Order Refunded') = 0`;

const AUDIENCES: AudienceSummary[] = [
  ["loyal-pro", "Loyal, on pro", "conditions", 12_408, 214, 38, 400], ["high-value", "High value", "sql", 4_472, 12, 3, 220], ["slipping", "Slipping away", "conditions", 30_618, 40, 1204, 610],
  ["newsletter", "Newsletter openers", "conditions", 84_090, 900, 120, 310], ["refunded", "Refunded", "sql", 38, 0, 0, 90], ["new-this-week", "New this week", "conditions", null, 0, 0, null],
].map(([name, title, kind, members, entered, exited, took]) => ({
  name: name as string, title: title as string, description: null, kind: kind as string, members: members as number | null, entered: entered as number, exited: exited as number,
  evaluated_ms: members === null ? null : now() - 2000, took_ms: took as number | null, error: null,
}));

/** A page of what has the text in its name; without a text the rows are the page. */
function searched<T extends { name: string }, R>(rows: readonly T[], text: string, offset: number, limit: number, all: number, answer: (page: T[], total: number) => R): R {
  if (text === "") return answer([...rows], all);
  const found = rows.filter((row) => row.name.includes(text));
  return answer(found.slice(offset, offset + limit), found.length);
}

const member = (i: number) => {
  const r = random(i + 11);
  return { profile_id: 1000 + i, name: `u_${String(Math.floor(r() * 1e6)).padStart(6, "0")}`, since_ms: now() - Math.floor(r() * 8e8) };
};
const profile = (i: number) => ({ ...member(i), user_id: member(i).name, email: i % 3 === 0 ? null : `${member(i).name}@example.org`, first_seen_ms: now() - 9e9 - i * 1e6, last_seen_ms: now() - i * 41_000, events: 12 + ((i * 37) % 900) });
const run = (id: number): SyncRun => ({
  id, sync: "loyal-pro-to-crm", started_ms: now() - id * 60_000, ended_ms: now() - id * 60_000 + 1400, state: id === 3 ? "partial" : "succeeded", added: 214, changed: 8, removed: 38, delivered: id === 3 ? 258 : 260, failed: id === 3 ? 2 : 0,
  error: id === 3 ? { domain: "external", retry: true, code: "postgres", message: "crm refused 2 rows of loyal_pro: value too long for type character varying(32). Widen the column or shorten the value." } : null,
});
const rowsOf = (count: number): Rows => ({
  columns: [{ name: "change", data_type: "VARCHAR", numeric: false }, { name: "user_id", data_type: "VARCHAR", numeric: false }, { name: "lifetime_value", data_type: "DOUBLE", numeric: true }],
  rows: Array.from({ length: count }, (_, i) => [["add", "add", "remove", "change"][i % 4] ?? "add", member(i).name, i % 5 === 0 ? null : (1000 + i * 13.7).toFixed(2)]),
  total: count,
});
const QUERY_COLUMNS = [
  { name: "user_id", data_type: "VARCHAR", numeric: false }, { name: "orders", data_type: "BIGINT", numeric: true }, { name: "revenue", data_type: "DOUBLE", numeric: true }, { name: "last_order", data_type: "TIMESTAMP", numeric: false },
];

const happened = (count: number) => Array.from({ length: count }, (_, i) => ({ message_id: `m-${i}`, kind: i % 9 === 8 ? "identify" : "track", event: ["Product Viewed", "Order Completed", "Page Viewed"][i % 3] ?? "", timestamp_ms: now() - i * 7.3e6, source: "shop", properties: JSON.stringify({ sku: `s-${i}`, price: 12.5 + i }) }));
const merge = {
  merge: 7, merged_profile_id: 88, surviving_profile_id: 12, profile_id: 12, message_id: "m-8f21", source: "shop", evidence: "user_id=u_482113, anonymous_id=a-71f0", merged_ms: now() - 8e9,
  survivor_before: [{ kind: "user_id", value: "u_482113" }], merged_before: [{ kind: "anonymous_id", value: "a-71f0" }], undone_ms: null, refused: false, allowed_ms: null,
};

export function people(open: (rows: (string | null)[][]) => number, page: (view: number, offset: number, limit: number) => (string | null)[][]): Partial<Handlers> {
  return {
    profile_search: ({ text, offset, limit }) => ({ profiles: Array.from({ length: Math.min(limit, text ? 3 : 5000 - offset) }, (_, i) => profile(offset + i)), total: text ? 3 : 501_204 }),
    profile_show: ({ profile_id }) => ({
      summary: profile(profile_id - 1000),
      identifiers: [["user_id", "u_482113"], ["email", "ada@example.org"], ["anonymous_id", "a-71f0"], ["anonymous_id", "a-0c3d"]].map(([kind = "", value = ""], i) => ({ kind, value, first_seen_ms: now() - 9e9 + i * 1e8 })),
      traits: [{ name: "plan", value: "pro", origin: "warehouse" }, { name: "lifetime_value", value: "1204.50", origin: "sql" }, { name: "orders_14d", value: "4", origin: "computed" }, { name: "first_name", value: "Ada", origin: "identify" }, { name: "email", value: "ada.of.a.rather.long.name@example.org", origin: "identify" }, { name: "traits_email", value: "ada.of.a.rather.long.name@example.org", origin: "identify" }, { name: "traits_city", value: "Turin", origin: "identify" }],
      audiences: [{ audience: "loyal-pro", since_ms: now() - 3e8 }, { audience: "high-value", since_ms: now() - 9e8 }],
      events: happened(60),
      merges: [merge],
    }),
    profile_events: () => ({ events: happened(60), next: null }),
    profile_graph: ({ profile_id }) => ({
      origins: [
        { profile_id, events: 38, identifiers: [{ kind: "user_id", value: "u_482113", first_seen_ms: now() - 9e9 }, { kind: "email", value: "ada@example.org", first_seen_ms: now() - 8e9 }] },
        { profile_id: profile_id + 88, events: 22, identifiers: [{ kind: "anonymous_id", value: "a-71f0", first_seen_ms: now() - 8.5e9 }] },
      ],
      ties: [{ merge: 7, one: profile_id, other: profile_id + 88, evidence: merge.evidence, merged_ms: merge.merged_ms }],
    }),
    trait_history: () => ({ changes: [{ name: "plan", value: '"pro"', timestamp_ms: now() - 4e8, message_id: "m-12" }, { name: "plan", value: '"free"', timestamp_ms: now() - 9e8, message_id: "m-2" }], cut: false }),
    suppression_list: () => [],
    observed_show: () => ({
      events: [["Product Viewed", 8_400_118], ["Page Viewed", 6_200_004], ["Order Completed", 501_204], ["Product Added", 2_004_118], ["Order Refunded", 4120], ["Signed In", 801_004]].map(([event, count]) => ({
        event: event as string, count: count as number,
        properties: [{ name: "category", data_type: "VARCHAR", values: ["shoes", "bags", "hats"].map((value) => ({ value, count: 1000 })) }, { name: "order_id", data_type: "VARCHAR", values: Array.from({ length: 20 }, (_, i) => ({ value: `o_${String(i + 1).padStart(7, "0")}`, count: 1 })) }, { name: "revenue", data_type: "DOUBLE", values: [] }],
      })),
      tables: [{ table: "crm.accounts", rows: 101_204, read_ms: now() - 360_000, columns: [{ name: "plan", data_type: "VARCHAR", values: ["free", "pro", "team"].map((value) => ({ value, count: 100 })) }, { name: "region", data_type: "VARCHAR", values: [{ value: "eu", count: 9 }] }] }],
      traits: ["lifetime_value", "orders_14d"], audiences: AUDIENCES.map(({ name }) => name),
    }),
    trait_list: () => [
      { name: "lifetime_value", title: "Lifetime value", kind: "sql", description: "Revenue less refunds, all of history.", error: null },
      { name: "orders_14d", title: "Orders in 14 days", kind: "computed", description: "Orders completed in the last fourteen days, those refunded since included.", error: null },
      { name: "broken", title: null, kind: "sql", description: null, error: { domain: "user", retry: false, code: "sql_unknown_column", message: "There is no column revenu in events. Did you mean revenue?", position: { file: "traits/broken.sql", line: 2, column: 12 } } },
    ],
    trait_show: ({ name }) => ({
      name, file: `traits/${name}.toml`, sql: "select profile_id, count(*) as orders_14d\nfrom events\nwhere event = 'Order Completed'\n  and timestamp > now() - interval '14 days'\ngroup by profile_id",
      definition: name === "orders_14d" ? { title: "Orders in 14 days", description: "Orders completed in the last fourteen days, those refunded since included.", computed: { event: "Order Completed", aggregate: "count", window: "14 days" } } : { title: "Lifetime value", sql: "select profile_id, sum(revenue) as lifetime_value\nfrom events\ngroup by profile_id" },
    }),
    trait_preview: () => ({ sql: "select 1", profiles: 101_204, sample: { ...rowsOf(20), columns: [{ name: "profile", data_type: "VARCHAR", numeric: false }, { name: "user_id", data_type: "VARCHAR", numeric: false }, { name: "value", data_type: "DOUBLE", numeric: true }] }, took_ms: 312 }),
    trait_save: ({ name, definition }) => ({ name, definition, file: `traits/${name}.toml`, sql: "" }),
    audience_list: () => AUDIENCES,
    audience_show: ({ name }) => ({
      summary: AUDIENCES.find((each) => each.name === name) ?? AUDIENCES[0]!, definition: name === "high-value" || name === "refunded" ? { title: name, sql: SQL } : { title: "Loyal, on pro", condition: CONDITION }, file: `audiences/${name}.toml`, sql: SQL,
      sentence: "People on pro who ordered at least 3 times in 14 days, viewed shoes or bags in the last 7 days or are worth more than 1,000, and never had a refund.", syncs: ["loyal-pro-to-crm"],
    }),
    audience_preview: () => ({
      sql: SQL, sentence: "People on pro who ordered at least 3 times in 14 days, viewed shoes or bags in the last 7 days or are worth more than 1,000, and never had a refund.",
      size: 9930, universe: 501_204, entering: 12, exiting: 2490, took_ms: 400, evaluated_ms: now(), events: 20_104_331,
      conditions: [["0", 101_204], ["1", 30_618], ["2", 86_004], ["2.0", 84_090], ["2.1", 4472], ["3", 497_034]].map(([path, size]) => ({ path: path as string, size: size as number })),
      sample: Array.from({ length: 8 }, (_, i) => ({ profile_id: 1000 + i, name: member(i).name, why: `plan is pro · ${3 + (i % 5)} × Order Completed in 14 days · ${i} × Product Viewed in 7 days · no Order Refunded` })),
    }),
    audience_save: ({ name, definition }) => ({ summary: { ...AUDIENCES[0]!, name }, definition, file: `audiences/${name}.toml`, sql: SQL, sentence: null, syncs: [] }),
    audience_run: ({ name }) => AUDIENCES.find((each) => each.name === name) ?? AUDIENCES[0]!,
    audience_members: ({ text, offset, limit }) => searched(Array.from({ length: text ? 12_408 : Math.min(limit, 12_408 - offset) }, (_, i) => member(text ? i : offset + i)), text, offset, limit, 12_408, (members, total) => ({ members, total })),
    audience_changes: ({ name, text, offset, limit }) => searched(Array.from({ length: text ? 252 : Math.min(limit, 252 - offset) }, (_, i) => ({ audience: name, ...member(text ? i : offset + i), entered: i % 4 !== 1, at_ms: now() - i * 3100 })), text, offset, limit, 252, (changes, total) => ({ changes, total })),
    audience_explain: ({ profile_id }) => ({
      profile_id, name: "u_482113", member: true, since_ms: now() - 3e8, evaluated_ms: now(),
      conditions: [["", 0, "All of", true, null], ["0", 1, "plan is pro", true, "pro"], ["1", 1, "did Order Completed at least 3 times in 14 days", true, "4"], ["3", 1, "never did Order Refunded", true, "0"]].map(([path, depth, sentence, holds, value]) => ({ path: path as string, depth: depth as number, sentence: sentence as string, holds: holds as boolean, value: value as string | null })),
    }),
    audience_export: ({ path }) => ({ path, bytes: 412_000, rows: 12_408 }),
    destination_list: () => [
      { name: "crm", kind: "postgres", target: "postgres://crm.example:5432/crm", syncs: ["loyal-pro-to-crm"], error: null },
      { name: "ads", kind: "webhook", target: "https://ads.example/v1/members", syncs: ["loyal-pro-to-ads"], error: { domain: "external", retry: true, code: "webhook_status", message: "ads answered 503 to 3 tries. What is owed is kept and sent at the next run." } },
      { name: "files", kind: "file", target: "out/", syncs: [], error: null },
    ],
    destination_test: () => ({ ok: true, detail: "Connected; may create and write tables in schema public.", took_ms: 41 }),
    sync_list: () => ["loyal-pro-to-crm", "loyal-pro-to-ads"].map((name, i) => ({
      name, definition: { audience: "loyal-pro", destination: i ? "ads" : "crm", options: { table: "loyal_pro" }, key: "user_id", mapping: { user_id: "user_id", plan: "crm.accounts.plan", value: "lifetime_value" }, every: "1 minute", enabled: true },
      acknowledged: 12_194, owed: i ? 214 : 0, last_run: run(i ? 3 : 1), error: null,
    })),
    sync_run: ({ dry_run }) => ({ difference: { added: 214, changed: 8, removed: 38, unchanged: 12_148, without_key: 4, sample: rowsOf(40) }, run: dry_run ? null : run(1) }),
    sync_runs: () => Array.from({ length: 30 }, (_, i) => run(i + 1)),
    sql_start: () => ({ view: open(Array.from({ length: 5000 }, (_, i) => [member(i).name, String(1 + (i % 40)), i % 7 === 3 ? null : String(1234.5 * (1 + (i % 97))), "2026-11-21T14:52:59.412Z"])) }),
    sql_status: () => ({ running: false, rows: 5000, bytes: 412_000, columns: QUERY_COLUMNS, took_ms: 412, scan: null, note: null, error: null }),
    sql_rows: ({ view, offset, limit }) => ({ columns: QUERY_COLUMNS, rows: page(view, offset, limit), total: 5000 }),
    sql_stop: () => ({ running: false, rows: 5000, bytes: 412_000, columns: QUERY_COLUMNS, took_ms: 412, scan: null, note: "Stopped.", error: null }),
    sql_close: () => ({}),
    sql_export: ({ path }) => ({ path, bytes: 412_000, rows: 5000 }),
    sql_catalog: () => ({ tables: [{ name: "events", columns: QUERY_COLUMNS, topic: null }, { name: "profiles", columns: [{ name: "profile_id", data_type: "BIGINT", numeric: true }], topic: null }, { name: "crm.accounts", columns: [{ name: "plan", data_type: "VARCHAR", numeric: false }], topic: null }, { name: "prod.orders", columns: [], topic: { cluster: "prod", topic: "orders" } }] }),
    sql_topic: (topic) => ({ name: `${topic.cluster}.${topic.topic}`, columns: [{ name: "_offset", data_type: "BIGINT", numeric: true }, { name: "value.total", data_type: "DOUBLE", numeric: true }], topic }),
    activity_list: () =>
      ([["source", "shop collects shop.events", "running", 20_104_331, null, 5210], ["sync", "loyal-pro to crm", "running", 120, 260, 40], ["evaluation", "loyal-pro", "done", 20_104_331, 20_104_331, null], ["sync", "loyal-pro to ads", "failed", 12, 214, null]] as const).map(
        ([kind, title, state, done, total, per_second], id): Activity => ({
          id, kind, title, state, done, total, per_second, started_ms: now() - 60_000 * (id + 1), ended_ms: state === "running" ? null : now() - 30_000, detail: null, can_cancel: state === "running",
          error: state === "failed" ? { domain: "external", retry: true, code: "webhook_status", message: "ads answered 503 to 3 tries. What is owed is kept and sent at the next run." } : null,
        }),
      ),
    activity_cancel: () => ({}),
  };
}
