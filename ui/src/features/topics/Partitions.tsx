import type { PartitionDetail, TopicDetail } from "@/bindings";
import { Badge } from "@/shared/controls";
import { number } from "@/shared/format";
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

export function Partitions({ detail, error, onRetry }: { detail: TopicDetail | undefined; error: unknown; onRetry: () => void }) {
  return <Table id="partitions" label="Partitions" columns={COLUMNS} rowKey={(row) => String(row.partition)} rows={detail?.partitions} loading={!detail} error={error} onRetry={onRetry} />;
}
