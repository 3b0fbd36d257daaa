/** One group: why it is as it is, its history, its partitions and members, and what can be done about it. */

import { useState } from "react";
import type { GroupDetail, GroupSummary, LagMetric } from "@/bindings";
import { call, useAction, useCall } from "@/platform";
import { Button, Select, Switch } from "@/shared/controls";
import { sentence } from "@/shared/errors";
import { ago, count, duration, groupedCounts, number, percent } from "@/shared/format";
import { useNow } from "@/shared/frame";
import { LagBadge } from "@/shared/LagBadge";
import { Bar, Card, EmptyState, ErrorState, Tabs } from "@/shared/layout";
import { Confirm, toast } from "@/shared/overlay";
import { navigate, path, useQueryParam } from "@/shared/router";
import { SvgChart, type ChartStyle } from "@/shared/SvgChart";
import { Table } from "@/shared/table";
import { MEMBERS, PARTITIONS, REBALANCES } from "./columns";
import styles from "./groups.module.css";
import { ResetDialog } from "./ResetDialog";

/** With its title. */
const CHART_PX = 168;
const CHART_EVERY_MS = 5_000;
const CHARTS: readonly (readonly [LagMetric, string])[] = [["records", "in records"], ["time", "in time"], ["rates", "by its rates"]];
const HOUR_MS = 3_600_000;
export const RANGES: readonly { value: string; label: string; ms: number | null }[] = [
  { value: "live", label: "as sampled", ms: null },
  { value: "15m", label: "15 minutes", ms: HOUR_MS / 4 }, { value: "1h", label: "an hour", ms: HOUR_MS }, { value: "6h", label: "6 hours", ms: 6 * HOUR_MS },
  { value: "24h", label: "24 hours", ms: 24 * HOUR_MS }, { value: "7d", label: "7 days", ms: 168 * HOUR_MS }, { value: "30d", label: "30 days", ms: 720 * HOUR_MS }, { value: "1y", label: "a year", ms: 8760 * HOUR_MS },
];

export function Detail({ cluster, group }: { cluster: string; group: string }) {
  const detail = useCall("group_show", { cluster, group }, { topic: "lag", keep: true });
  const [range, setRange] = useQueryParam("range", "live");
  const [tab, setTab] = useQueryParam("tab", "partitions");
  const [byPartition, setByPartition] = useState(false);
  const [asked, setAsked] = useState<"reset" | "delete" | null>(null);
  const rangeMs = RANGES.find((each) => each.value === range)?.ms ?? null;
  const draw = (metric: LagMetric) => (style: ChartStyle) => call("lag_chart", { cluster, group, metric, range_ms: rangeMs, by_partition: byPartition, style }).then((chart) => chart.svg);
  if (detail.error) return <ErrorState error={detail.error} onRetry={() => void detail.refetch()} />;
  const summary = detail.data?.summary;
  const actions = (
    <>
      <Switch label="By partition" checked={byPartition} onChange={setByPartition} testId="chart-by-partition" />
      <Select label="Range of the charts" value={range} choices={RANGES} onChange={setRange} testId="chart-range" />
      <Button onClick={() => setAsked("reset")} testId="reset-open">Reset offsets…</Button>
      <Button kind="quiet" onClick={() => setAsked("delete")} testId="group-delete">Delete…</Button>
    </>
  );
  return (
    <section className={styles["detail"]} data-testid="group-detail">
      <Bar level={2} title={group} badge={summary && <LagBadge status={summary.status} reason={summary.reason} />} sub={summary && <span title={sentence(groupedCounts(summary.reason))}>{sentence(groupedCounts(summary.reason))}</span>} actions={actions} />
      {summary && <Facts summary={summary} />}
      <div className={styles["charts"]}>
        {CHARTS.map(([metric, label]) => (
          <Card key={metric}><SvgChart label={`Lag of ${group} ${label}`} height={CHART_PX} queryKey={["lag", cluster, group, metric, rangeMs, byPartition]} draw={draw(metric)} everyMs={CHART_EVERY_MS} testId={`chart-${metric}`} /></Card>
        ))}
      </div>
      <Parts cluster={cluster} group={group} detail={detail.data} loading={detail.isPending} tab={tab} onTab={setTab} />
      {asked === "reset" && <ResetDialog cluster={cluster} group={group} topics={summary?.topics ?? []} onClose={() => setAsked(null)} />}
      {asked === "delete" && <Delete cluster={cluster} group={group} summary={summary} onClose={() => setAsked(null)} />}
    </section>
  );
}

/** Who is furthest behind, how uneven it is, and how far the judgement can be trusted. */
function Facts({ summary }: { summary: GroupSummary }) {
  const now = useNow();
  const { slowest, skew, complete, rebalanced_ms: rebalanced, lost } = summary;
  const facts = [
    slowest && <>furthest behind <b>{slowest.topic}/{slowest.partition}</b> by {number(slowest.lag)}{slowest.lag_ms !== null && ` · ${duration(slowest.lag_ms)}`}, read by {slowest.member === null ? "nobody" : <span title={slowest.member}>{slowest.client} on {slowest.host}</span>}</>,
    skew !== null && skew >= 1.5 && `the largest lag is ${skew.toFixed(1)} times the mean`,
    lost !== null && lost > 0 && <span className="bad">{count(lost, "record")} deleted before it read {lost === 1 ? "it" : "them"}</span>,
    rebalanced !== null && `rebalanced ${ago(rebalanced, now)}`,
    complete < 0.99 && `judged by ${percent(complete)} of its window so far`,
  ].filter(Boolean);
  return <div className={styles["facts"]} data-testid="group-facts">{facts.map((fact, index) => <span key={index}>{fact}</span>)}</div>;
}

function Parts({ cluster, group, detail, loading, tab, onTab }: { cluster: string; group: string; detail: GroupDetail | undefined; loading: boolean; tab: string; onTab: (tab: string) => void }) {
  const tabs = [
    { id: "partitions", label: "Partitions", note: detail && number(detail.partitions.length) },
    { id: "members", label: "Members", note: detail && number(detail.members.length) },
    { id: "rebalances", label: "Rebalances", note: detail && number(detail.rebalances.length) },
  ];
  return (
    <Tabs label={group} value={tab} onChange={onTab} tabs={tabs}>
      {tab === "partitions" && (
        <Table
          id="group-partitions"
          label={`Partitions of ${group}`}
          columns={PARTITIONS}
          rowKey={(row) => `${row.topic}-${row.partition}`}
          rows={detail?.partitions}
          loading={loading}
          openOnClick
          onOpen={(row) => navigate(path("topics", cluster, row.topic, row.committed === null ? {} : { from: "offset", at: row.committed, partitions: row.partition }))}
          empty={<EmptyState title="No partition">The group has committed nothing.</EmptyState>}
        />
      )}
      {tab === "members" && (
        <Table
          id="group-members"
          label={`Members of ${group}`}
          columns={MEMBERS}
          rowKey={(row) => row.id}
          rows={detail?.members}
          loading={loading}
          initialSort={{ column: "lag", descending: true }}
          empty={<EmptyState title="Nobody is in the group">A consumer appears here once it has joined; one that assigns its partitions itself never does.</EmptyState>}
        />
      )}
      {tab === "rebalances" && (
        <Table
          id="group-rebalances"
          label={`Rebalances of ${group}`}
          columns={REBALANCES}
          rowKey={(row) => String(row.at_ms)}
          rows={detail?.rebalances}
          loading={loading}
          empty={<EmptyState title="No rebalance was seen">Members that come and go, and partitions that change hands, are noted here while Tailrace samples.</EmptyState>}
        />
      )}
    </Tabs>
  );
}

function Delete({ cluster, group, summary, onClose }: { cluster: string; group: string; summary: GroupSummary | undefined; onClose: () => void }) {
  const remove = useAction("group_delete", ["group_list"]);
  const run = () => remove.mutateAsync({ cluster, group }).then(() => {
    toast.done(`${group} deleted`);
    navigate(path("groups", cluster), { replace: true });
  });
  return (
    <Confirm open onClose={onClose} cluster={cluster} title={`Delete ${group}`} action={`Delete ${group}`} danger onConfirm={run} testId="delete-group">
      <p>Everything that it has committed goes with it: {summary ? `${count(summary.partitions - summary.partitions_unknown, "offset")} of ${summary.topics.join(", ") || "no topic"}` : "its offsets"}. A consumer that joins it later begins where its own settings say.</p>
    </Confirm>
  );
}
