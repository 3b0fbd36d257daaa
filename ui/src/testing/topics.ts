/** The made-up clusters: topics with their settings and changes, brokers, access rules, quotas. */

import type { ConfigEntry, TopicChange, TopicChangePreview } from "@/bindings";
import type { Handlers } from "./fixture";

const TOPICS: readonly (readonly [string, number, number | null])[] = [
  ["shop.events", 12, 88_214_470], ["shop.orders", 6, 1_204_331], ["shop.carts", 6, 4_118_090], ["web.pageviews", 24, 501_204_118], ["crm.accounts", 3, 101_204],
  ["crm.changes", 3, 88_120], ["billing.invoices", 6, 340_118], ["billing.refunds", 3, 4_120], ["search.queries", 12, 22_410_004], ["email.sent", 6, 7_204_110],
  ["email.opened", 6, 2_100_412], ["fraud.scores", 6, null], ["ab.exposures", 4, 31_004_000], ["inventory.levels", 3, 12_004], ["prices.changes", 3, 0], ["dead.letters", 1, 231],
];

const setting = (name: string, value: string, source: ConfigEntry["source"] = "default", inherited: ConfigEntry["inherited"] = null): ConfigEntry => ({ name, value, source, differs: source !== "default", read_only: false, sensitive: false, inherited });

const CONFIG: readonly ConfigEntry[] = [
  setting("cleanup.policy", "delete"), setting("compression.type", "producer"), setting("max.message.bytes", "1048588"), setting("min.insync.replicas", "2", "dynamic_default", { name: "min.insync.replicas", value: "1", source: "default" }),
  setting("retention.ms", "259200000", "topic", { name: "log.retention.hours", value: "168", source: "static" }), setting("segment.bytes", "1073741824", "static"),
];

function preview(change: TopicChange): TopicChangePreview {
  const topic = change.kind === "create" ? change.topic : change.topic;
  const line = (what: string, before: string | null, after: string | null, note: string | null = null) => ({ what, before, after, note });
  const lines = {
    create: [line("topic", null, topic), line("partitions", null, "6")], alter_config: [line("retention.ms", "259200000", "86400000")], add_partitions: [line("partitions", "12", "13", "1 new and empty")],
    delete_records: [line("partition 0", "starts at 0", "starts at 4120", "4120 records")], delete: [line("topic", topic, null), line("records", "88214470", null)], copy_settings: [line("retention.ms", "259200000", "604800000")],
  }[change.kind];
  const destructive = change.kind === "delete" || change.kind === "delete_records";
  return { title: `${change.kind.replaceAll("_", " ")} on ${topic}?`, lines, warnings: destructive ? ["Its records are gone for good."] : [], destructive, nothing: false, change };
}

export const topics: Partial<Handlers> = {
  topic_list: () => ({
    topics: [
      ...TOPICS.map(([name, partitions, records], at) => ({
        name, partitions, replication: 3, records, internal: false, bytes: records === null ? null : records * 412, bytes_on_disk: records === null ? null : records * 412 * 3, in_per_second: records === null ? null : at * 31.5,
        under_replicated: name === "web.pageviews" ? 2 : 0, leaderless: 0, cleanup_policy: name.startsWith("crm") ? "compact" : "delete", retention_ms: name.startsWith("crm") ? -1 : 259_200_000,
      })),
      { name: "__consumer_offsets", partitions: 50, replication: 3, records: 120_004, internal: true, bytes: 9_120_004, bytes_on_disk: 27_360_012, in_per_second: 12, under_replicated: 0, leaderless: 0, cleanup_policy: "compact", retention_ms: 604_800_000 },
    ],
    sampled_ms: Date.now() - 800, refreshing: false, missing: [],
  }),
  topic_show: ({ topic }) => ({
    name: topic, internal: false, missing: [], sampled_ms: Date.now(),
    partitions: Array.from({ length: 12 }, (_, partition) => ({
      partition, leader: 1 + (partition % 3), replicas: [1, 2, 3], in_sync: partition === 4 ? [1, 2] : [1, 2, 3], start: partition * 1000, end: 7_351_000 + partition * 977,
      bytes: 412_000_000 + partition * 97_000, bytes_on_disk: 1_236_000_000 + partition * 291_000, in_per_second: 430 + partition, out_per_second: partition === 7 ? 0 : 428 + partition,
    })),
  }),
  topic_config: () => [...CONFIG],
  topic_change_preview: ({ change }) => preview(change),
  topic_change_apply: ({ change }) => ({ done: `${change.kind} done` }),
  topic_compare: ({ left, right }) => ({
    left, right, differences: 2,
    rows: [
      { section: "shape", name: "partitions", left: "12", right: "6", left_source: null, right_source: null, differs: true }, { section: "shape", name: "replication", left: "3", right: "3", left_source: null, right_source: null, differs: false },
      { section: "config", name: "retention.ms", left: "259200000", right: "604800000", left_source: "topic", right_source: "default", differs: true }, { section: "config", name: "cleanup.policy", left: "delete", right: "delete", left_source: "default", right_source: "default", differs: false },
    ],
  }),
  broker_list: () => ({
    brokers: [1, 2, 3].map((id) => ({ id, host: `kafka-${id}.prod.example`, port: 9092, rack: `eu-1${"abc"[id - 1]}`, controller: id === 2, leads: 400 + id, holds: 1204, behind: id === 3 ? 2 : 0, bytes: 812_000_000_000 + id, disk_bytes: 2_000_000_000_000, disk_bytes_free: 1_100_000_000_000 })),
    missing: [],
  }),
  broker_config: () => [...CONFIG],
  acl_list: () => [
    { resource_type: "topic", resource: "shop.", pattern: "prefixed", principal: "User:shop", host: "*", operation: "write", permission: "allow" },
    { resource_type: "group", resource: "billing", pattern: "literal", principal: "User:billing", host: "10.0.0.4", operation: "read", permission: "deny" },
  ],
  quota_list: () => [{ entity: [{ kind: "user", name: "shop" }, { kind: "client-id", name: null }], limits: [{ name: "producer_byte_rate", value: 1_048_576 }, { name: "request_percentage", value: 25 }] }],
};
