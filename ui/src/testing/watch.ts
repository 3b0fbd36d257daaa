/** The made-up clusters: topics, tails, groups. */

import type { Import, Column, GroupSummary, SourceSummary, TailRequest, TailStatus, WorkspaceSummary } from "@/bindings";
import type { Handlers } from "./fixture";
import { evicted, type recordAt, type View } from "./fixture";
import { quality } from "./quality";
import { random } from "./random";
import { topics } from "./topics";

type Status = GroupSummary["status"];
const GROUPS: readonly (readonly [string, Status, number, number | null, number | null, number, number, number | null, string])[] = [
  ["checkout-writer", "ok", 12, 412, 200, 5210, 5214, null, "Keeps up."],
  ["email-trigger", "warn", 12, 84_120, 38_000, 5210, 4980, null, "Lag grows: 5,210 records a second arrive, 4,980 are committed."],
  ["fraud-scoring", "stop", 6, 2_904_551, 2_832_000, 5210, 0, null, "No commit since 14:05:41, while 5,210 records a second arrive; no members since 14:05:38."],
  ["warehouse-sink", "ok", 12, 18_004, 9_100, 5210, 7400, 8_000, "Catches up."],
  ["ab-metrics", "ok", 4, 0, 0, 310, 310, null, "Keeps up."],
  ["search-index", "stall", 8, 12_004, 123_000, 1140, 0, null, "Has members, but commits nothing since 14:50:56."],
  ["audit-once", "unknown", 3, null, null, 0, 0, null, "Has never committed."],
];

const groups = (): GroupSummary[] =>
  GROUPS.map(([group, status, partitions, lag, lag_ms, in_per_second, out_per_second, drained_in_ms, reason]) => ({
    group, state: status === "stop" ? "Empty" : "Stable", members: status === "stop" ? 0 : 3, topics: ["shop.events"], partitions, partitions_unknown: lag === null ? partitions : 0,
    lag, lag_in_offsets: false, lag_ms, lag_ms_source: lag_ms === null ? null : group === "warehouse-sink" ? "interpolated" : "record", lost: lag === null ? null : 0, status, reason, complete: 1, in_per_second, out_per_second, drained_in_ms,
    level: status === "stop" || status === "stall" || status === "rewind" ? "err" : status, skew: lag ? 1.7 : null, rebalanced_ms: status === "stop" ? Date.now() - 2_832_000 : null,
    slowest: lag ? { topic: "shop.events", partition: 2, lag: Math.round(lag / 5), lag_ms, lag_ms_source: lag_ms === null ? null : group === "warehouse-sink" ? "interpolated" : "record", member: status === "stop" ? null : `${group}-1-6b1f`, client: status === "stop" ? null : `${group}-1`, host: status === "stop" ? null : "10.0.4.17" } : null,
    sampled_ms: Date.now(),
  }));

const ALERT = { clusters: ["prod-eu"], groups: [], lag_time: "5 minutes", status: ["err" as const], for: "5 minutes", desktop: true, enabled: true };

const WORKSPACE = (): WorkspaceSummary => ({
  name: "shop-workspace", path: "/home/me/shop-workspace", time_zone: "Europe/Berlin", version: "0.1.0",
  problems: [{ domain: "user", retry: false, code: "definition", message: "audiences/vip.toml does not parse: expected `=` after `condition`. Mend the line: the audience is left out until then.", position: { file: "audiences/vip.toml", line: 4, column: 11 } }],
  recent: [{ name: "shop-workspace", path: "/home/me/shop-workspace" }, { name: "sandbox", path: "/home/me/sandbox" }],
});

export function watch(view: (id: number) => View, tail: (request: TailRequest) => { view: number }, columns: Column[]): Partial<Handlers> {
  return {
    workspace_open: WORKSPACE,
    workspace_show: WORKSPACE,
    counts_show: () => ({
      clusters: 2, topics: 148, groups: 23, groups_stopped: 1, groups_warning: 2, profiles: 501_204, events: 20_104_331, events_per_second: 5210, duplicates: 1204, malformed: 88,
      traits: 14, audiences: 9, destinations: 6, syncs: 8, activities_running: 2, log_bytes: 1_204_000_000, as_of_ms: Date.now(),
    }),
    cluster_list: () => [
      { name: "prod-eu", kind: "kafka", color: "#ef6a6a", read_only: true, bootstrap: "kafka-1.prod.example:9092,kafka-2.prod.example:9092", registry: "http://registry:8081" },
      { name: "sandbox", kind: "sandbox", color: "#3ec6a8", read_only: false, bootstrap: "127.0.0.1:39092", registry: "http://registry:8081" },
    ],
    cluster_show: ({ cluster }) => ({ name: cluster, cluster_id: "MkU3OEVBNTcwNTJENDM2Qk", brokers: [1, 2, 3].map((id) => ({ id, host: `kafka-${id}.prod.example`, port: 9092, leads: 120 + id })), topics: 148, partitions: 1204, groups: 23, took_ms: 41 }),
    cluster_test: () => ({
      ok: false,
      steps: [
        { step: "configuration", ok: true, detail: "clusters/prod-eu.toml holds", took_ms: 0 }, { step: "name lookup", ok: true, detail: "kafka-1.prod.example is 10.0.0.4", took_ms: 3 },
        { step: "tcp", ok: false, detail: "10.0.0.4:9092 refused the connection. Check the port, and that the broker runs.", took_ms: 12 },
      ],
    }),
    ...topics,
    cluster_definition: ({ cluster }) => ({
      name: cluster,
      definition: { kind: "kafka", color: "#ef6a6a", read_only: true, properties: { "bootstrap.servers": "kafka-1.prod.example:9092", "security.protocol": "sasl_ssl", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "studio", "sasl.password": "secret:prod-eu.sasl.password", "client.rack": "eu-1a" } },
    }),
    cluster_try: ({ definition }) => ({
      ok: true,
      steps: [
        { step: "tls", ok: true, detail: "TLSv1.3, certificate \"CN=kafka-1.prod.example\", issued by \"CN=Shop CA\", valid from 2026-01-01 to 2027-01-01", took_ms: 12 },
        { step: "sasl", ok: true, detail: `logged in as "${definition.properties?.["sasl.username"] ?? ""}"`, took_ms: 31 },
      ],
    }),
    cluster_save: ({ name, definition }) => ({ name, kind: definition.kind, color: definition.color, read_only: definition.read_only, bootstrap: definition.properties?.["bootstrap.servers"] ?? null, registry: definition.registry?.url ?? null }),
    import_preview: (request) => imported(request.name ?? "prod", false),
    import_run: (request) => imported(request.name ?? "prod", true),
    tail_start: tail,
    tail_pause: ({ view: id }) => ((view(id).paused = true), {}),
    tail_resume: ({ view: id }) => ((view(id).paused = false), {}),
    tail_close: () => ({}),
    tail_status: ({ view: id }) => status(view(id), columns),
    tail_stop: ({ view: id }) => ((view(id).ended ??= "stopped"), (view(id).revision += 1), status(view(id), columns)),
    tail_rows: ({ view: id, offset, limit }) => {
      const own = view(id);
      const first = Math.max(offset, evicted(own));
      return { first, rows: own.rows(first, limit) as ReturnType<typeof recordAt>[], columns, total: own.total };
    },
    record_show: ({ topic, partition, offset }) => {
      const json = JSON.stringify({
        type: "track", event: "Order Completed", messageId: "m-1818e811", userId: "u_482113",
        properties: { order_id: "o-99120", revenue: 129.9, currency: "EUR", products: [{ sku: "s-1", price: 89.9 }, { sku: "s-2", price: 40 }] },
        context: { ip: "203.0.113.7", country: "DE", page: { path: "/checkout", referrer: "https://example.org" }, device: { id: "d-1", kind: "phone" } }, timestamp: "2026-11-21T14:52:55.047Z",
      }, null, 2);
      return { topic, partition, offset, timestamp_ms: Date.now(), key: "u_482113", key_column: "u_482113", key_format: TEXT_FORMAT, key_bytes: 8, key_problem: null, headers: [{ name: "trace-id", value: "4bf92f3577b34da6" }], value_format: JSON_FORMAT, json, text: json, text_bytes: json.length, value_bytes: json.length, problem: null, schema: null };
    },
    record_bytes: ({ first, limit }) => {
      const shown = Math.max(0, Math.min(limit, 40 - first));
      return { hex: Array.from({ length: shown }, (_, at) => (97 + ((first + at) % 26)).toString(16).padStart(2, "0")).join(""), total: 40 };
    },
    record_compare: () => ({ differences: [{ path: "value.properties.revenue", left: "129.9", right: "40" }, { path: "value.properties.coupon", left: null, right: '"SPRING"' }], total: 2, same: 11 }),
    format_list: () => [["json", "JSON"], ["registry", "Schema registry"], ["avro", "Avro"], ["protobuf", "Protobuf"], ["csv", "CSV"], ["text", "Text"], ["hex", "Hexadecimal"]].map(([name = "", label = ""]) => ({ name, label, schema: name === "avro" || name === "protobuf" })),
    topic_formats_save: () => ({}),
    group_list: groups,
    group_show: ({ group }) => ({
      summary: groups().find((each) => each.group === group) ?? groups()[0]!,
      partitions: Array.from({ length: 6 }, (_, partition) => {
        const r = random(partition + 3);
        const end = 14_688_410 + Math.floor(r() * 9000);
        const lag = 480_000 + Math.floor(r() * 9000);
        return {
          topic: "shop.events", partition, committed: end - lag, start: 0, end, stable_end: end, lag, lag_in_offsets: false, lag_ms: 2_830_000 + Math.floor(r() * 9000), lag_ms_source: "record" as const, lost: partition === 4 ? 1204 : 0, past_end: null, member: null, client: null, host: null,
          status: "stop" as const, reason: "Nobody reads it.", in_per_second: 868, out_per_second: 0, drained_in_ms: null,
        };
      }),
      members: [{ id: "fraud-scoring-1-6b1f", client: "fraud-scoring-1", host: "10.0.4.17", assignment: ["shop.events/0", "shop.events/1"], lag: 970_515, lag_ms: 2_832_000, lag_ms_source: "record", out_per_second: 0 }],
      rebalances: [{ at_ms: Date.now() - 2_832_000, what: "3 members left" }],
    }),
    group_reset_preview: ({ cluster, group, to }) => ({
      cluster, group, skipped: to === "latest" ? 2_904_551 : 0, again: 0, refused: group === "checkout-writer" ? "Group “checkout-writer” is being read by checkout-writer-1 on 10.0.4.12: stop it first, or it would commit over it." : null,
      rows: Array.from({ length: 6 }, (_, partition) => ({ topic: "shop.events", partition, current: 14_200_118 + partition, new: 14_688_410, start: 0, end: 14_688_410, change: 488_292 - partition, clamped_from: partition === 2 ? 99_000_000 : null, note: null })),
    }),
    group_reset: ({ cluster, group, offsets }) => ({ cluster, group, skipped: 2_904_551, again: 0, refused: null, rows: offsets.map(({ topic, partition, offset }) => ({ topic, partition, current: 0, new: offset, start: 0, end: offset, change: offset, clamped_from: null, note: null })) }),
    group_delete: () => ({}),
    alert_list: () => [
      { name: "behind", definition: { ...ALERT, title: "A group is behind" }, sentence: "lag in time of at least 5 minutes and status ERR for 5 minutes, any group of prod-eu", instances: [{ cluster: "prod-eu", group: "fraud-scoring", state: "firing", since_ms: Date.now() - 900_000, fired_ms: Date.now() - 600_000, resolved_ms: null, reason: "No commit since 14:05:41, while 5,210 records a second arrive.", error: null }] },
      { name: "search", definition: { ...ALERT, enabled: false }, sentence: "lag in time of at least 5 minutes for 5 minutes, any group of prod-eu", instances: [] },
    ],
    alert_preview: ({ definition }) => ({
      sentence: "lag in time of at least 5 minutes for 5 minutes, any group of prod-eu", missing: [],
      groups: groups().filter(({ group }) => definition.groups.length === 0 || definition.groups.includes(group)).map(({ group, lag, lag_ms, lag_ms_source, status: of, reason }) => ({ cluster: definition.clusters[0] ?? "prod-eu", group, holds: lag_ms === null ? null : lag_ms >= 300_000, lag, lag_ms, lag_ms_source, status: of, reason })),
    }),
    alert_test: () => ({ error: null, took_ms: 41 }),
    alert_save: () => ({}),
    alert_delete: () => ({}),
    source_list: sources,
    ...quality,
    malformed_list: ({ name, offset, limit }) => {
      const total = sources().find((each) => each.name === name)?.malformed ?? 0;
      return Array.from({ length: Math.max(0, Math.min(limit, total - offset)) }, (_, step) => {
        const i = offset + step;
        const [reason, value] = MALFORMED[i % MALFORMED.length] ?? ["", ""];
        return { source: name, topic: "shop.events", partition: i % 12, offset: 88_214_000 - i * 7, reason, value, seen_ms: Date.now() - i * 4000 };
      });
    },
  };
}

const MALFORMED = [
  ["not JSON: expected `,` at byte 41", '{"type":"track","event":"Order Completed" "userId":"u_482113"}'],
  ["timestamp: `yesterday` is no time", '{"type":"track","event":"Page Viewed","timestamp":"yesterday","anonymousId":"a-71f0"}'],
  ["no identifier: neither userId nor anonymousId", '{"type":"track","event":"Product Viewed","properties":{"sku":"s-88"}}'],
] as const;

const SOURCES: readonly (readonly [string, string, string, SourceSummary["state"], number, number, number, number | null, number, boolean])[] = [
  ["shop", "sandbox", "shop.events", "live", 20_104_331, 1204, 488, 0, 5210, true],
  ["web", "prod-eu", "web.pageviews", "catching_up", 412_118, 0, 0, 2_904_551, 41_200, true],
  ["billing", "prod-eu", "billing.refunds", "failed", 4120, 2, 12, null, 0, true],
  ["email", "prod-eu", "email.opened", "stopped", 0, 0, 0, null, 0, false],
];

function sources(): SourceSummary[] {
  return SOURCES.map(([name, cluster, topic, state, events, duplicates, malformed, behind, per_second, enabled]) => ({
    name, definition: { cluster, topic, enabled, ...(name === "billing" && { sql: "select value.id as message_id, 'Order Refunded' as event, value.user as user_id,\n  value.amount as revenue\nfrom records", group: "tailrace-billing" }) },
    state, events, duplicates, malformed, blocked: name === "shop" ? 3 : 0, quarantined: malformed + (name === "shop" ? 3 : 0), violations: name === "shop" ? 41 : 0, left_out: 0, lost: name === "billing" ? 214 : 0, behind, per_second, checkpoint_ms: events > 0 ? Date.now() - (state === "failed" ? 840_000 : 800) : null,
    error: state === "failed" ? { domain: "external", retry: true, code: "broker_unreachable", message: "No broker of prod-eu answers at kafka-1.prod.example:9092. Check the address in clusters/prod-eu.toml; collecting goes on from the checkpoint." } : null,
  }));
}

const JSON_FORMAT = { definition: { format: "json" }, label: "JSON", detected: true };
const TEXT_FORMAT = { definition: { format: "text" }, label: "Text", detected: true };

function status(tail: View, columns: Column[]): TailStatus {
  return {
    state: tail.ended !== null ? "stopped" : tail.paused ? "paused" : "running", scanned: tail.total * 143, scanned_bytes: tail.total * 72_000, matched: tail.total, evicted: evicted(tail), mistyped: 0, waiting: 0, undecoded: 0, undecoded_first: null, key_format: TEXT_FORMAT, value_format: JSON_FORMAT,
    per_second: tail.ended !== null || tail.paused ? 0 : 41_200, started_ms: Date.now() - 60_000, columns, partitions: [], note: tail.ended, error: null,
  };
}

function imported(name: string, written: boolean): Import {
  return {
    name, file: `clusters/${name}.toml`, format: "java", written, problem: null, missing_secrets: [],
    lines: [
      { line: 1, key: "bootstrap.servers", outcome: "kept", detail: "kafka-1.prod.example:9093" },
      { line: 2, key: "security.protocol", outcome: "kept", detail: "SASL_SSL" },
      { line: 3, key: "sasl.jaas.config", outcome: "converted", detail: "sasl.username = studio; sasl.password goes to the secret store" },
      { line: 6, key: "ssl.truststore.location", outcome: "to_do", detail: "a JKS store can't be read by librdkafka: the command below makes PEM of it, for ssl.ca.location = certs/prod-ca.pem" },
      { line: 7, key: "value.deserializer", outcome: "left_out", detail: "records are decoded by their own format here" },
    ],
    toml: `kind = "kafka"\ncolor = "#e0a84a"\nread_only = false\n\n[properties]\n"bootstrap.servers" = "kafka-1.prod.example:9093"\n"sasl.password" = "secret:${name}.sasl.password"\n"sasl.username" = "studio"\n`,
    secrets: [`${name}.sasl.password`],
    commands: [`keytool -list -rfc -keystore /home/me/trust.jks > /home/me/workspace/certs/${name}-ca.pem`],
  };
}
