/** Settings of a topic or a broker: what holds, where it comes from, and what differs from Kafka's own defaults. */

import { useMemo } from "react";
import type { ConfigEntry } from "@/bindings";
import { Badge } from "./controls";
import { duration, groupedDigits, UNKNOWN } from "./format";
import { EmptyState } from "./layout";
import { Table, type Column } from "./table";

const SOURCES = {
  topic: "topic", dynamic_broker: "broker, dynamic", dynamic_default: "all brokers, dynamic", static: "broker's file", default: "default", unknown: "unknown",
} as const satisfies Readonly<Record<ConfigEntry["source"], string>>;

export function sourceName(source: ConfigEntry["source"]): string {
  return SOURCES[source];
}

/** What a number of milliseconds or bytes amounts to, beside it; empty where the name does not tell. */
export function meaning(name: string, value: string | null): string {
  const n = value === null || value === "" ? NaN : Number(value);
  if (!Number.isFinite(n)) return "";
  if (n === -1 && /retention/.test(name)) return "without end";
  // The largest number that Kafka has stands for "never".
  if (n >= 9e18) return "never";
  if (/(^|\.)ms$/.test(name) && n >= 1000) return duration(n);
  return "";
}

function below(row: ConfigEntry): string {
  const { inherited } = row;
  if (!inherited) return "";
  return inherited.name === row.name ? (inherited.value ?? UNKNOWN) : `${inherited.name} = ${inherited.value ?? UNKNOWN}`;
}

const COLUMNS: readonly Column<ConfigEntry>[] = [
  { id: "name", title: "setting", width: 220, grow: true, mono: true, cell: (row) => row.name, sortBy: (row) => row.name },
  { id: "value", title: "value", width: 210, grow: true, mono: true, cell: (row) => <span className={row.differs ? undefined : "mute"} title={row.value ?? undefined}>{row.sensitive && row.value === null ? "secret" : row.value === "" ? "" : row.value === null ? UNKNOWN : groupedDigits(row.value)} <span className="faint">{meaning(row.name, row.value)}</span></span>, sortBy: (row) => row.value },
  { id: "source", title: "from", width: 176, cell: (row) => (row.differs ? <Badge tone={row.source === "topic" ? "information" : "neutral"}>{sourceName(row.source).toUpperCase()}</Badge> : <span className="mute">{sourceName(row.source)}</span>), sortBy: (row) => row.source },
  { id: "otherwise", title: "otherwise", width: 240, mono: true, tone: "mute", cell: (row) => <span title={row.inherited ? sourceName(row.inherited.source) : undefined}>{below(row)}</span> },
];

export interface ConfigTableProps {
  id: string;
  label: string;
  config: readonly ConfigEntry[] | undefined;
  text: string;
  /** Only what is not Kafka's own default. */
  changed: boolean;
  onOpen?: (row: ConfigEntry) => void;
  error?: unknown;
  onRetry?: () => void;
  rowsMax?: number;
}

export function ConfigTable({ id, label, config, text, changed, onOpen, error, onRetry, rowsMax }: ConfigTableProps) {
  const rows = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    return config?.filter((row) => (!changed || row.differs) && `${row.name} ${row.value ?? ""}`.toLowerCase().includes(wanted));
  }, [config, text, changed]);
  return (
    <Table
      id={id}
      label={label}
      columns={COLUMNS}
      rowKey={(row) => row.name}
      rows={rows}
      initialSort={{ column: "name", descending: false }}
      {...(onOpen && { onOpen, openOnClick: true })}
      {...(rowsMax !== undefined && { rowsMax })}
      loading={config === undefined}
      error={error}
      onRetry={onRetry}
      empty={text ? <EmptyState title={`No setting has “${text}” in its name or value`}>Clear the search{changed && ", or show those at their default, too"}.</EmptyState> : <EmptyState title="Every setting is at its default">Switch “Only changed” off to see them.</EmptyState>}
    />
  );
}
