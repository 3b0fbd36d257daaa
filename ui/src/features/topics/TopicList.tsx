import { useMemo, useState } from "react";
import type { TopicSummary } from "@/bindings";
import { useCall } from "@/platform";
import { Age } from "@/shared/Age";
import { ClusterTag } from "@/shared/ClusterTag";
import { Badge, Button, Dot, SearchInput, Switch } from "@/shared/controls";
import { bytes, count, duration, number, perSecondNumber } from "@/shared/format";
import { Bar, EmptyState, Screen } from "@/shared/layout";
import { navigate, path, useQueryParam } from "@/shared/router";
import { Status } from "@/shared/Status";
import { Table, type Column } from "@/shared/table";
import { useReadOnly } from "./changes/Actions";
import { NewTopicDialog } from "./changes/dialogs";
import styles from "./topics.module.css";

/** Asked this often while it is looked at: answers come from the last refresh, and a new one runs behind them. */
const EVERY_MS = 5_000;

function health(row: TopicSummary) {
  if (row.leaderless > 0) return <Badge tone="error" title="Partitions that nobody leads">{`${row.leaderless} NO LEADER`}</Badge>;
  if (row.under_replicated > 0) return <Badge tone="warning" title="Partitions with replicas that are not in sync">{`${row.under_replicated} NOT IN SYNC`}</Badge>;
  return null;
}

function retention(row: TopicSummary): string {
  return row.retention_ms !== null && row.retention_ms < 0 ? "without end" : duration(row.retention_ms);
}

const COLUMNS: readonly Column<TopicSummary>[] = [
  { id: "topic", title: "topic", width: 220, grow: true, cell: (row) => <>{row.name} {row.internal && <Badge>internal</Badge>} {health(row)}</>, sortBy: (row) => row.name },
  { id: "partitions", title: "partitions", width: 88, align: "right", mono: true, cell: (row) => number(row.partitions), sortBy: (row) => row.partitions },
  { id: "replication", title: "replicas", width: 80, align: "right", mono: true, tone: "mute", cell: (row) => number(row.replication), sortBy: (row) => row.replication },
  { id: "records", title: "records", width: 130, align: "right", mono: true, cell: (row) => number(row.records), sortBy: (row) => row.records },
  { id: "in", title: "in /s", width: 84, align: "right", mono: true, cell: (row) => perSecondNumber(row.in_per_second), sortBy: (row) => row.in_per_second },
  { id: "size", title: "size", width: 90, align: "right", mono: true, cell: (row) => <span title={`${bytes(row.bytes_on_disk)} on disk with all copies`}>{bytes(row.bytes)}</span>, sortBy: (row) => row.bytes },
  { id: "cleanup", title: "cleanup", width: 110, tone: "mute", cell: (row) => row.cleanup_policy, sortBy: (row) => row.cleanup_policy },
  { id: "retention", title: "retention", width: 100, align: "right", tone: "mute", cell: retention, sortBy: (row) => (row.retention_ms !== null && row.retention_ms < 0 ? Number.MAX_SAFE_INTEGER : row.retention_ms) },
];

export function TopicList({ cluster }: { cluster: string }) {
  const [text, setText] = useQueryParam("search");
  const [internal, setInternal] = useState(false);
  const [making, setMaking] = useState(false);
  const readOnly = useReadOnly(cluster);
  const topics = useCall("topic_list", { cluster }, { enabled: cluster !== "", everyMs: EVERY_MS, topic: "topics" });
  const list = topics.data;
  const shown = useMemo(() => {
    const wanted = text.toLowerCase();
    return list?.topics.filter((topic) => (internal || !topic.internal) && topic.name.toLowerCase().includes(wanted));
  }, [list, text, internal]);
  const open = (row: TopicSummary) => navigate(path("topics", cluster, row.name));
  const ill = list?.topics.filter((topic) => topic.under_replicated + topic.leaderless > 0).length ?? 0;
  return (
    <Screen testId="screen-topics">
      <Bar
        title="Topics"
        badge={<ClusterTag cluster={cluster} />}
        sub={list && count(list.topics.filter((topic) => !topic.internal).length, "topic")}
        actions={
          <>
            <Switch label="Internal" checked={internal} onChange={setInternal} testId="topics-internal" />
            <SearchInput label="Search topics" value={text} onChange={setText} />
            <Button disabled={cluster === "" || readOnly} title={readOnly ? `${cluster} is read-only` : undefined} onClick={() => setMaking(true)} testId="topic-new">New topic…</Button>
          </>
        }
      />
      {list?.missing.map((sentence) => <p key={sentence} className={styles["note"]} data-testid="topics-missing">{sentence}</p>)}
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
            : <EmptyState title={`${cluster} has no topics`}>Make one with “New topic…”. Records appear as soon as something produces to this cluster.</EmptyState>
        }
      />
      {making && <NewTopicDialog cluster={cluster} onClose={() => setMaking(false)} onDone={(topic) => navigate(path("topics", cluster, topic))} />}
      {list && (
        <Status>
          <span data-testid="topics-health"><Dot tone={ill > 0 ? "warning" : "ok"} />{ill > 0 ? `${count(ill, "topic")} not in sync` : "all replicas in sync"}</span>
          <Age atMs={list.sampled_ms} what="asked" testId="topics-age" />
        </Status>
      )}
    </Screen>
  );
}
