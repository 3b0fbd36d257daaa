/** The made-up Kafka Connect, and what is written to topics. */

import type { ConnectorAct, ConnectorSummary } from "@/bindings";
import type { Handlers } from "./fixture";

const TRACE = `org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.
\tat org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:636)
\tat org.apache.kafka.connect.runtime.WorkerSinkTask.poll(WorkerSinkTask.java:345)
\tat java.base/java.lang.Thread.run(Thread.java:1583)
Caused by: java.sql.BatchUpdateException: ERROR: column "amount" is of type integer but expression is of type character varying
\t... 12 more`;
const REASON = 'org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception. · caused by java.sql.BatchUpdateException: ERROR: column "amount" is of type integer but expression is of type character varying';

const connector = (name: string, kind: string, short: string, state: string, tasks: readonly string[]): ConnectorSummary => ({
  connect: "main", name, kind, class: `io.confluent.connect.${short}`, state, worker: "10.0.0.4:8083", trace: null, reason: tasks.includes("FAILED") ? REASON : null,
  tasks: tasks.map((each, task) => ({ task, state: each, worker: "10.0.0.4:8083", reason: each === "FAILED" ? REASON : null, trace: each === "FAILED" ? TRACE : null })),
});

const CONNECTORS = (): ConnectorSummary[] => [
  connector("crm-accounts", "source", "jdbc.JdbcSourceConnector", "RUNNING", ["RUNNING"]),
  connector("orders-to-warehouse", "sink", "jdbc.JdbcSinkConnector", "RUNNING", ["RUNNING", "FAILED", "RUNNING"]),
  connector("events-to-archive", "sink", "s3.S3SinkConnector", "PAUSED", ["PAUSED", "PAUSED"]),
];

export function connect(): Partial<Handlers> {
  const rows = CONNECTORS();
  const find = (name: string) => rows.find((row) => row.name === name) ?? CONNECTORS()[0]!;
  const done: Readonly<Record<string, string>> = { pause: "PAUSED", stop: "STOPPED" };
  const act = (row: ConnectorSummary, what: ConnectorAct) => {
    const state = typeof what === "string" ? (done[what] ?? "RUNNING") : "RUNNING";
    Object.assign(row, { state, reason: null, tasks: row.tasks.map((task) => ({ ...task, state, reason: null, trace: null })) });
    return row;
  };
  return {
    connect_list: ({ cluster }) => ({ cluster, connects: [{ name: "main", url: "http://connect.prod.example:8083", version: "4.3.1", connectors: rows, error: null }] }),
    connector_show: ({ connector: name }) => ({
      summary: find(name), topics: ["shop.orders"],
      settings: [
        { name: "connection.password", value: "********", masked: true }, { name: "connection.url", value: "jdbc:postgresql://db.prod.example:5432/shop", masked: false },
        { name: "connector.class", value: find(name).class, masked: false }, { name: "tasks.max", value: "3", masked: false }, { name: "topics", value: "shop.orders", masked: false },
      ],
    }),
    record_produce: ({ partition, value }) => ({ partition: partition ?? 0, offset: 88_214, value_bytes: value?.length ?? 0 }),
    file_produce: () => ({ records: 1204, acknowledged: 1204, failed: 0, uncertain: 0, failures: [], took_ms: 812, note: null }),
    topic_copy: () => ({ scanned: 1204, matched: 88, copied: 88, failed: 0, uncertain: 0, positions: [{ partition: 0, offset: 1204 }], again: 0, lost: 0, took_ms: 930, complete: true, note: "reached the end that was asked for", error: null }),
    tail_export: ({ path }) => ({ path, bytes: 48_204, rows: 88, scanned: 1204, scanned_bytes: 402_118, note: "reached the end that the partitions had when it started" }),
    connector_act: ({ connector: name, act: what }) => act(find(name), what),
  };
}
