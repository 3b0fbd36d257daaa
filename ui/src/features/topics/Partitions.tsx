import { useMemo } from "react";
import type { PartitionDetail, TopicDetail } from "@/bindings";
import { Badge } from "@/shared/controls";
import { number } from "@/shared/format";
import { EmptyState } from "@/shared/layout";
import { Table, type Column } from "@/shared/table";

const size = (row: PartitionDetail) => (row.start === null || row.end === null ? null : row.end - row.start);

const COLUMNS: readonly Column<PartitionDetail>[] = [
  { id: "partition", title: "partition", width: 90, align: "right", mono: true, cell: (row) => row.partition, sortBy: (row) => row.partition },
  { id: "start", title: "start", width: 140, align: "right", mono: true, tone: "mute", cell: (row) => number(row.start), sortBy: (row) => row.start },
  { id: "end", title: "end", width: 140, align: "right", mono: true, cell: (row) => number(row.end), sortBy: (row) => row.end },
  { id: "records", title: "records", width: 140, align: "right", mono: true, cell: (row) => number(size(row)), sortBy: size },
  { id: "leader", title: "leader", width: 80, align: "right", mono: true, cell: (row) => row.leader, sortBy: (row) => row.leader },
  { id: "replicas", title: "replicas", width: 120, mono: true, tone: "mute", cell: (row) => row.replicas.join(" ") },
  { id: "in-sync", title: "in sync", width: 160, grow: true, cell: (row) => (row.in_sync.length < row.replicas.length ? <Badge tone="warning">{`${row.in_sync.length} of ${row.replicas.length}`}</Badge> : <span className="mute">all</span>), sortBy: (row) => row.in_sync.length - row.replicas.length },
];

/** `3` finds partition 3, `broker 2` what broker 2 leads or keeps. */
function matches(row: PartitionDetail, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  const broker = /^broker\s+(\d+)$/.exec(wanted)?.[1];
  return wanted === "" || (broker === undefined ? String(row.partition) === wanted : row.leader === Number(broker) || row.replicas.includes(Number(broker)));
}

interface PartitionsProps {
  detail: TopicDetail | undefined;
  text: string;
  error: unknown;
  onRetry: () => void;
}

export function Partitions({ detail, text, error, onRetry }: PartitionsProps) {
  const shown = useMemo(() => detail?.partitions.filter((row) => matches(row, text)), [detail, text]);
  return <Table id="partitions" label="Partitions" columns={COLUMNS} rowKey={(row) => String(row.partition)} rows={shown} initialSort={{ column: "partition", descending: false }} loading={!detail} error={error} onRetry={onRetry} empty={<EmptyState title="No such partition">Write its number, or “broker 2” for what broker 2 leads or keeps.</EmptyState>} />;
}
