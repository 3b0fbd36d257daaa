import { useMemo } from "react";
import type { GroupSummary } from "@/bindings";
import { useCall } from "@/platform";
import { EmptyState } from "@/shared/layout";
import { Lag, LagTime } from "@/shared/Lag";
import { LagBadge } from "@/shared/LagBadge";
import { navigate, path } from "@/shared/router";
import { Table, type Column } from "@/shared/table";

const COLUMNS: readonly Column<GroupSummary>[] = [
  { id: "group", title: "group", width: 220, grow: true, cell: (row) => row.group, sortBy: (row) => row.group },
  { id: "status", title: "status", width: 90, cell: (row) => <LagBadge status={row.status} reason={row.reason} />, sortBy: (row) => row.status },
  { id: "lag", title: "lag", width: 130, align: "right", mono: true, cell: (row) => <Lag row={row} />, sortBy: (row) => row.lag },
  { id: "lag-time", title: "lag in time", width: 130, align: "right", mono: true, cell: (row) => <LagTime row={row} />, sortBy: (row) => row.lag_ms },
];

export function TopicGroups({ cluster, topic, text }: { cluster: string; topic: string; text: string }) {
  const groups = useCall("group_list", { cluster }, { topic: "lag" });
  const rows = useMemo(() => groups.data?.filter((group) => group.topics.includes(topic) && group.group.toLowerCase().includes(text.toLowerCase())), [groups.data, topic, text]);
  return (
    <Table
      id="topic-groups"
      label={`Groups that read ${topic}`}
      columns={COLUMNS}
      rowKey={(row) => row.group}
      rows={rows}
      onOpen={(row) => navigate(path("groups", cluster, row.group))}
      openOnClick
      initialSort={{ column: "lag", descending: true }}
      loading={groups.isPending}
      error={groups.error}
      onRetry={() => void groups.refetch()}
      empty={text ? <EmptyState title={`No group has “${text}” in its name`}>Clear the search.</EmptyState> : <EmptyState title={`No group reads ${topic}`}>A consumer group appears here once it has committed an offset.</EmptyState>}
    />
  );
}
