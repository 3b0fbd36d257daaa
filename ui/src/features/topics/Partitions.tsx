import { useMemo } from "react";
import type { PartitionDetail, TopicDetail } from "@/bindings";
import { Badge } from "@/shared/controls";
import { bytes, number, perSecondNumber } from "@/shared/format";
import { EmptyState } from "@/shared/layout";
import { Table, type Column } from "@/shared/table";
import styles from "./topics.module.css";

const records = (row: PartitionDetail) => (row.start === null || row.end === null ? null : row.end - row.start);

function inSync(row: PartitionDetail) {
  const away = row.replicas.filter((id) => !row.in_sync.includes(id));
  return away.length > 0 ? <Badge tone="warning" title={`Not in sync: broker ${away.join(", ")}`}>{`${row.in_sync.length} of ${row.replicas.length}`}</Badge> : <span className="mute">all</span>;
}

const COLUMNS: readonly Column<PartitionDetail>[] = [
  { id: "partition", title: "partition", width: 96, align: "right", mono: true, cell: (row) => row.partition, sortBy: (row) => row.partition },
  { id: "leader", title: "leader", width: 70, align: "right", mono: true, cell: (row) => (row.leader < 0 ? <span className="bad">none</span> : row.leader), sortBy: (row) => row.leader },
  { id: "replicas", title: "replicas", width: 100, grow: true, mono: true, tone: "mute", cell: (row) => row.replicas.join(" ") },
  { id: "in-sync", title: "in sync", width: 80, cell: inSync, sortBy: (row) => row.in_sync.length - row.replicas.length },
  { id: "start", title: "start", width: 120, align: "right", mono: true, tone: "mute", cell: (row) => number(row.start), sortBy: (row) => row.start },
  { id: "end", title: "end", width: 120, align: "right", mono: true, cell: (row) => number(row.end), sortBy: (row) => row.end },
  { id: "records", title: "records", width: 120, align: "right", mono: true, cell: (row) => number(records(row)), sortBy: records },
  { id: "in", title: "in /s", width: 80, align: "right", mono: true, cell: (row) => perSecondNumber(row.in_per_second), sortBy: (row) => row.in_per_second },
  { id: "out", title: "out /s", width: 80, align: "right", mono: true, tone: "mute", cell: (row) => perSecondNumber(row.out_per_second), sortBy: (row) => row.out_per_second },
  { id: "size", title: "size", width: 86, align: "right", mono: true, cell: (row) => <span title={`${bytes(row.bytes_on_disk)} on disk with all copies`}>{bytes(row.bytes)}</span>, sortBy: (row) => row.bytes },
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
  return (
    <>
      {detail?.missing.map((sentence) => <p key={sentence} className={styles["note"]} data-testid="topic-missing">{sentence}</p>)}
      <Table id="partitions" label="Partitions" columns={COLUMNS} rowKey={(row) => String(row.partition)} rows={shown} initialSort={{ column: "partition", descending: false }} loading={!detail} error={error} onRetry={onRetry} empty={<EmptyState title="No such partition">Write its number, or “broker 2” for what broker 2 leads or keeps.</EmptyState>} />
    </>
  );
}
