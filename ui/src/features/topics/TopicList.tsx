import { useMemo, useState } from "react";
import type { TopicSummary } from "@/bindings";
import { useCall } from "@/platform";
import { Badge, Button, SearchInput, Switch } from "@/shared/controls";
import { count, number } from "@/shared/format";
import { Bar, EmptyState, Screen } from "@/shared/layout";
import { navigate, path, useQueryParam } from "@/shared/router";
import { Table, type Column } from "@/shared/table";

/** Watermarks are asked for this often. */
const EVERY_MS = 10_000;

const COLUMNS: readonly Column<TopicSummary>[] = [
  { id: "topic", title: "topic", width: 240, grow: true, cell: (row) => <>{row.name} {row.internal && <Badge>internal</Badge>}</>, sortBy: (row) => row.name },
  { id: "partitions", title: "partitions", width: 110, align: "right", mono: true, cell: (row) => number(row.partitions), sortBy: (row) => row.partitions },
  { id: "replication", title: "replicas", width: 100, align: "right", mono: true, tone: "mute", cell: (row) => number(row.replication), sortBy: (row) => row.replication },
  { id: "records", title: "records", width: 160, align: "right", mono: true, cell: (row) => number(row.records), sortBy: (row) => row.records },
];

export function TopicList({ cluster }: { cluster: string }) {
  const [text, setText] = useQueryParam("search");
  const [internal, setInternal] = useState(false);
  const topics = useCall("topic_list", { cluster }, { enabled: cluster !== "", everyMs: EVERY_MS });
  const shown = useMemo(() => {
    const wanted = text.toLowerCase();
    return topics.data?.filter((topic) => (internal || !topic.internal) && topic.name.toLowerCase().includes(wanted));
  }, [topics.data, text, internal]);
  const open = (row: TopicSummary) => navigate(path("topics", cluster, row.name));
  return (
    <Screen testId="screen-topics">
      <Bar
        title="Topics"
        sub={topics.data && `${count(topics.data.filter((topic) => !topic.internal).length, "topic")} on ${cluster}`}
        actions={<><Switch label="Internal" checked={internal} onChange={setInternal} testId="topics-internal" /><SearchInput label="Search topics" value={text} onChange={setText} /></>}
      />
      <Table
        id="topics"
        label={`Topics of ${cluster}`}
        columns={COLUMNS}
        rowKey={(row) => row.name}
        rows={shown}
        initialSort={{ column: "topic", descending: false }}
        onOpen={open}
        openOnClick
        loading={topics.isPending}
        error={topics.error}
        onRetry={() => void topics.refetch()}
        errorActions={<Button onClick={() => navigate(path("clusters", cluster))} testId="error-cluster">Test the connection</Button>}
        empty={
          text
            ? <EmptyState title={`No topic has “${text}” in its name`}>Clear the search, or choose another cluster in the top bar.</EmptyState>
            : <EmptyState title={`${cluster} has no topics`}>Records appear here as soon as something produces to this cluster.</EmptyState>
        }
      />
    </Screen>
  );
}
