/** Consumer groups and their lag, in records and in time. */

import { useMemo } from "react";
import type { GroupPartition, GroupSummary } from "@/bindings";
import { call, useCall } from "@/platform";
import { Button, Dot, SearchInput } from "@/shared/controls";
import { sentence } from "@/shared/errors";
import { count, duration, groupedCounts, number, perSecondNumber, timeOfDay, UNKNOWN } from "@/shared/format";
import { LagBadge } from "@/shared/LagBadge";
import { Bar, Card, EmptyState, ErrorState, Screen } from "@/shared/layout";
import { navigate, path, useQueryParam, useRoute } from "@/shared/router";
import { chooseCluster, useCluster } from "@/shared/session";
import { Status } from "@/shared/Status";
import { SvgChart } from "@/shared/SvgChart";
import { Table, type Column } from "@/shared/table";
import styles from "./groups.module.css";

/** With its title. */
const CHART_PX = 208;
const CHART_EVERY_MS = 5_000;
const SEVERITY = { stop: 0, stall: 1, warn: 2, unknown: 3, ok: 4 } as const;

export function drained(row: GroupSummary): string {
  if (row.lag === 0 || row.lag === null) return UNKNOWN;
  if (row.drained_in_ms !== null) return duration(row.drained_in_ms);
  if (row.out_per_second === 0 || (row.members === 0 && row.status === "stop")) return "never";
  // Of a group that keeps up the lag goes up and down by what is under way.
  const grows = row.status !== "ok" && row.in_per_second !== null && row.out_per_second !== null && row.in_per_second > row.out_per_second;
  return grows ? "growing" : UNKNOWN;
}

const COLUMNS: readonly Column<GroupSummary>[] = [
  { id: "group", title: "group", width: 200, grow: true, cell: (row) => row.group, sortBy: (row) => row.group },
  { id: "status", title: "status", width: 92, cell: (row) => <LagBadge status={row.status} reason={row.reason} />, sortBy: (row) => SEVERITY[row.status] },
  { id: "members", title: "members", width: 84, align: "right", mono: true, tone: "mute", cell: (row) => number(row.members), sortBy: (row) => row.members },
  { id: "partitions", title: "partitions", width: 88, align: "right", mono: true, cell: (row) => number(row.partitions), sortBy: (row) => row.partitions },
  { id: "lag", title: "lag", width: 120, align: "right", mono: true, cell: (row) => number(row.lag), sortBy: (row) => row.lag },
  { id: "lag-time", title: "lag in time", width: 120, align: "right", mono: true, cell: (row) => duration(row.lag_ms), sortBy: (row) => row.lag_ms },
  { id: "in", title: "in /s", width: 90, align: "right", mono: true, tone: "mute", cell: (row) => perSecondNumber(row.in_per_second), sortBy: (row) => row.in_per_second },
  { id: "out", title: "out /s", width: 90, align: "right", mono: true, tone: "mute", cell: (row) => perSecondNumber(row.out_per_second), sortBy: (row) => row.out_per_second },
  { id: "drained", title: "drained in", width: 110, align: "right", mono: true, tone: "mute", cell: drained, sortBy: (row) => row.drained_in_ms },
];

const PARTITIONS: readonly Column<GroupPartition>[] = [
  { id: "topic", title: "topic", width: 160, grow: true, cell: (row) => row.topic, sortBy: (row) => row.topic },
  { id: "partition", title: "partition", width: 84, align: "right", mono: true, cell: (row) => row.partition, sortBy: (row) => row.partition },
  { id: "committed", title: "committed", width: 124, align: "right", mono: true, cell: (row) => number(row.committed), sortBy: (row) => row.committed },
  { id: "end", title: "end", width: 124, align: "right", mono: true, cell: (row) => number(row.end), sortBy: (row) => row.end },
  { id: "lag", title: "lag", width: 110, align: "right", mono: true, cell: (row) => <>{number(row.lag)}{row.lost > 0 && <span className="bad" title={`${number(row.lost)} records were deleted before they were read`}> !</span>}</>, sortBy: (row) => row.lag },
  { id: "lag-time", title: "lag in time", width: 110, align: "right", mono: true, cell: (row) => duration(row.lag_ms), sortBy: (row) => row.lag_ms },
  { id: "owner", title: "owner", width: 180, tone: "mute", cell: (row) => (row.member === null ? "no member" : `${row.member}${row.host === null ? "" : ` · ${row.host}`}`), sortBy: (row) => row.member },
];

export default function Groups() {
  const [, clusterInPath, group] = useRoute().segments;
  const chosen = useCluster();
  const cluster = clusterInPath ?? chosen;
  const [text, setText] = useQueryParam("search");
  const groups = useCall("group_list", { cluster }, { enabled: cluster !== "", topic: "lag" });
  const shown = useMemo(() => groups.data?.filter((row) => row.group.toLowerCase().includes(text.toLowerCase())), [groups.data, text]);
  const stopped = groups.data?.filter((row) => row.status === "stop" || row.status === "stall").length ?? 0;
  const warned = groups.data?.filter((row) => row.status === "warn").length ?? 0;
  const sampled = groups.data?.[0]?.sampled_ms;
  return (
    <Screen testId="screen-groups">
      <Bar title="Consumer groups" sub={groups.data && `${count(groups.data.length, "group")} on ${cluster}`} actions={<SearchInput label="Search groups" value={text} onChange={setText} />} />
      <Table
        id="groups"
        label={`Consumer groups of ${cluster}`}
        columns={COLUMNS}
        rowKey={(row) => row.group}
        rows={shown}
        selectedKey={group ?? null}
        onSelect={(row) => {
          if (cluster !== chosen) chooseCluster(cluster);
          navigate(path("groups", cluster, row.group, { search: text }), { replace: group !== undefined });
        }}
        initialSort={{ column: "status", descending: false }}
        {...(group !== undefined && { rowsMax: 8 })}
        loading={groups.isPending}
        error={groups.error}
        onRetry={() => void groups.refetch()}
        errorActions={<Button onClick={() => navigate(path("clusters", cluster))} testId="error-cluster">Test the connection</Button>}
        empty={<EmptyState title={text ? `No group has “${text}” in its name` : `${cluster} has no consumer groups`}>{text ? "Clear the search." : "A group appears here once it has committed an offset."}</EmptyState>}
      />
      {group !== undefined && <Detail key={`${cluster}/${group}`} cluster={cluster} group={group} />}
      {groups.data && (
        <Status>
          <span data-testid="group-health"><Dot tone={stopped > 0 ? "error" : warned > 0 ? "warning" : "ok"} />{stopped > 0 || warned > 0 ? `${stopped} stopped or stalled · ${count(warned, "warning")}` : "every group keeps up"}</span>
          {sampled !== undefined && <span>sampled {timeOfDay(sampled)}</span>}
        </Status>
      )}
    </Screen>
  );
}

function Detail({ cluster, group }: { cluster: string; group: string }) {
  const detail = useCall("group_show", { cluster, group }, { topic: "lag", keep: true });
  const draw = (metric: "records" | "time") => (style: { width: number; height: number; dark: boolean }) => call("lag_chart", { cluster, group, metric, style }).then((chart) => chart.svg);
  if (detail.error) return <ErrorState error={detail.error} onRetry={() => void detail.refetch()} />;
  const summary = detail.data?.summary;
  return (
    <section className={styles["detail"]} data-testid="group-detail">
      <Bar level={2} title={group} badge={summary && <LagBadge status={summary.status} reason={summary.reason} />} sub={summary && sentence(groupedCounts(summary.reason))} />
      <div className={styles["charts"]}>
        <Card><SvgChart label={`Lag of ${group} in records`} height={CHART_PX} queryKey={["lag", cluster, group, "records"]} draw={draw("records")} everyMs={CHART_EVERY_MS} testId="chart-records" /></Card>
        <Card><SvgChart label={`Lag of ${group} in time`} height={CHART_PX} queryKey={["lag", cluster, group, "time"]} draw={draw("time")} everyMs={CHART_EVERY_MS} testId="chart-time" /></Card>
      </div>
      <Table
        id="group-partitions"
        label={`Partitions of ${group}`}
        columns={PARTITIONS}
        rowKey={(row) => `${row.topic}-${row.partition}`}
        rows={detail.data?.partitions}
        loading={detail.isPending}
        openOnClick
        onOpen={(row) => navigate(path("topics", cluster, row.topic, row.committed === null ? {} : { from: "offset", at: row.committed, where: `_partition = ${row.partition}` }))}
        empty={<EmptyState title="No partition">The group has committed nothing.</EmptyState>}
      />
    </section>
  );
}
