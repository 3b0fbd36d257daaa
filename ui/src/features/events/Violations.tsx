import { useMemo, useState } from "react";
import type { ViolationCount } from "@/bindings";
import { call, useCall } from "@/platform";
import { Button, Select } from "@/shared/controls";
import { ago, count, dateTime, number } from "@/shared/format";
import { useNow } from "@/shared/frame";
import { Bar, EmptyState } from "@/shared/layout";
import { navigate, path, useQueryParam } from "@/shared/router";
import { SvgChart } from "@/shared/SvgChart";
import { Table, type Column } from "@/shared/table";
import styles from "./events.module.css";
import { InferPlan } from "./InferPlan";

const HOUR_MS = 3_600_000;
const SPANS = [{ value: "1", label: "a day" }, { value: "7", label: "7 days" }, { value: "30", label: "30 days" }] as const;
/** Records read before and after the one that is opened in its topic. */
const AROUND = 25;
const BARS = 24;

/** Count by hour of the last day. */
export function lastHours({ hours }: Pick<ViolationCount, "hours">, now: number): number[] {
  const last = Math.floor(now / HOUR_MS) * HOUR_MS;
  const counts = new Map(hours.map(({ hour_ms, count: of }) => [hour_ms, of]));
  return Array.from({ length: BARS }, (_, index) => counts.get(last - (BARS - 1 - index) * HOUR_MS) ?? 0);
}

/** How often events did not fit their tracking plans: by event, field and source, hour by hour. */
export function Violations({ text, sources }: { text: string; sources: readonly { name: string; cluster: string | undefined }[] | undefined }) {
  const [source, setSource] = useQueryParam("source");
  const [days, setDays] = useQueryParam("days", "7");
  const [inferring, setInferring] = useState(false);
  const now = useNow(60_000);
  // By the hour, so that the same is asked for within it.
  const from = Math.floor(now / HOUR_MS) * HOUR_MS - Number(days) * 24 * HOUR_MS;
  const found = useCall("violation_list", { source, from_ms: from }, { topic: "events", restMs: 2000, keep: true });
  const columns = useMemo<readonly Column<ViolationCount>[]>(
    () => [
      { id: "event", title: "event", width: 150, grow: true, cell: (row) => row.event, sortBy: (row) => row.event },
      { id: "field", title: "field", width: 120, mono: true, cell: (row) => row.field === "" ? <span className="mute">the event itself</span> : row.field, sortBy: (row) => row.field },
      { id: "source", title: "source", width: 96, tone: "mute", cell: (row) => row.source, sortBy: (row) => row.source },
      { id: "count", title: "count", width: 80, align: "right", mono: true, cell: (row) => number(row.count), sortBy: (row) => row.count },
      { id: "hours", title: "24 h", name: "Count by hour of the last day", width: 110, cell: (row) => <Bars counts={lastHours(row, now)} /> },
      { id: "last", title: "last", width: 84, align: "right", tone: "mute", cell: (row) => <span title={dateTime(row.last_ms)}>{ago(row.last_ms, now)}</span>, sortBy: (row) => row.last_ms },
      { id: "reason", title: "the last one", width: 200, grow: true, tone: "mute", cell: (row) => <span title={row.reason}>{row.reason}</span> },
      {
        id: "record", title: "", name: "Open", width: 190, align: "right",
        cell: (row) => <>
          <Button kind="quiet" onClick={(event) => { event.stopPropagation(); navigate(path("events", row.source, { event: row.event, field: row.field })); }} testId={`violation-kept-${row.event}`}>Quarantine</Button>
          {clusterOf(row, sources) !== undefined && <Button kind="quiet" onClick={(event) => { event.stopPropagation(); openRecord(row, sources); }} testId={`violation-record-${row.event}`}>Record</Button>}
        </>,
      },
    ],
    [now, sources],
  );
  const shown = useMemo(() => found.data?.violations.filter((row) => `${row.event} ${row.field} ${row.source} ${row.reason}`.toLowerCase().includes(text.toLowerCase())), [found.data, text]);
  return (
    <>
      <Bar
        level={2}
        title="Violations of tracking plans"
        sub={found.data && `${count(found.data.total, "violation")} in ${SPANS.find(({ value }) => value === days)?.label ?? `${days} days`}`}
        actions={<>
          <Select label="Source" value={source} choices={[{ value: "", label: "all sources" }, ...(sources ?? []).map(({ name }) => ({ value: name, label: name }))]} onChange={setSource} testId="violations-source" />
          <Select label="How far back" value={days} choices={SPANS} onChange={setDays} testId="violations-days" />
          <Button onClick={() => setInferring(true)} testId="plan-infer">Make a plan of what was observed…</Button>
        </>}
      />
      <div className={styles["violationChart"]}><SvgChart label="Violations an hour" height={110} queryKey={["violation_chart", source, from, found.data?.total]} draw={async (style) => (await call("violation_chart", { source, from_ms: from, style })).svg} testId="violation-chart" /></div>
      <Table
        id="violations"
        label="Violations"
        columns={columns}
        rowKey={(row) => `${row.source}/${row.event}/${row.field}`}
        rows={shown}
        initialSort={{ column: "count", descending: true }}
        openOnClick
        onOpen={(row) => openRecord(row, sources)}
        loading={found.isPending}
        error={found.error}
        onRetry={() => void found.refetch()}
        empty={text ? <EmptyState title={`No violation has “${text}”`}>Clear the search.</EmptyState> : <EmptyState title="No violations">A source that names a tracking plan (plan = "NAME") counts here what does not fit it, by event, field and hour.</EmptyState>}
      />
      {inferring && <InferPlan sources={sources?.map(({ name }) => name) ?? []} onClose={() => setInferring(false)} />}
    </>
  );
}

/** Of a source that has a topic. */
const clusterOf = (row: ViolationCount, sources: readonly { name: string; cluster: string | undefined }[] | undefined) => sources?.find(({ name }) => name === row.source)?.cluster;

function openRecord(row: ViolationCount, sources: readonly { name: string; cluster: string | undefined }[] | undefined): void {
  const cluster = clusterOf(row, sources);
  if (cluster === undefined) return;
  navigate(path("topics", cluster, row.topic, { from: "offset", at: Math.max(0, row.offset - AROUND), until: `${2 * AROUND + 1} records`, partitions: row.partition, record: `${row.partition}-${row.offset}` }));
}

function Bars({ counts }: { counts: readonly number[] }) {
  const most = Math.max(1, ...counts);
  return (
    <svg className={styles["bars"]} viewBox={`0 0 ${BARS * 4} 20`} role="img" aria-label={`${number(counts.reduce((sum, each) => sum + each, 0))} in 24 hours`}>
      {counts.map((each, index) => each > 0 && <rect key={index} x={index * 4} width="3" y={20 - Math.max(2, (20 * each) / most)} height={Math.max(2, (20 * each) / most)} />)}
    </svg>
  );
}
