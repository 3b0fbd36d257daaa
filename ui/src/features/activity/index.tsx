/** Long work: what runs, how far it is, and what became of it. It goes on whatever screen is shown. */

import { useMemo, useState } from "react";
import type { Activity } from "@/bindings";
import { useAction, useCall } from "@/platform";
import { Badge, Button, SearchInput, type Tone } from "@/shared/controls";
import { ago, compact, count, dateTime, duration, percent, perSecondNumber, UNKNOWN } from "@/shared/format";
import { useNow } from "@/shared/frame";
import { Bar, EmptyState, ErrorNote, Progress, Screen } from "@/shared/layout";
import { toast } from "@/shared/overlay";
import { useQueryParam } from "@/shared/router";
import { Table, type Column } from "@/shared/table";

const URGENCY = { running: 0, failed: 1, cancelled: 2, done: 3 } as const;

const rated = (perSecond: number | null) => (perSecond === null ? "" : perSecondNumber(perSecond));

const TONES: Readonly<Record<Activity["state"], Tone>> = { running: "information", done: "ok", failed: "error", cancelled: "neutral" };

function left(row: Activity): string {
  if (row.state !== "running" || row.total === null || row.done === null || !row.per_second) return UNKNOWN;
  return duration(((row.total - row.done) / row.per_second) * 1000);
}

/** What each kind of work counts. */
const UNITS: Readonly<Record<string, string>> = { source: "event", evaluation: "event", sync: "row", tail: "record", query: "row", lag: "record", produce: "record", copy: "record", export: "record", compaction: "event" };

/** Exact once it is done; while it runs the share says more than the last digits. What counts nothing says nothing. */
function progress({ kind, done, total, state }: Activity): string {
  if (done === null) return "";
  if (total === null || (done >= total && state !== "running")) return count(done, UNITS[kind] ?? "item");
  return `${compact(done)} of ${compact(total)} · ${percent(total === 0 ? 1 : done / total)}`;
}

/** Shorter work has no rate worth telling. */
const RATE_MS_MIN = 1000;

/** While it runs the engine's own rate; after that the mean. */
export function pace(row: Activity, now: number): number | null {
  const took = (row.ended_ms ?? now) - row.started_ms;
  if (row.state === "running" && row.per_second !== null) return row.per_second;
  return row.done === null || row.done === 0 || took < RATE_MS_MIN ? null : row.done / (took / 1000);
}

/** What runs first, then the latest. */
export function inOrder(rows: readonly Activity[]): readonly Activity[] {
  const runs = (row: Activity) => (row.state === "running" ? 0 : 1);
  return [...rows].sort((a, b) => runs(a) - runs(b) || b.started_ms - a.started_ms);
}

export default function Activities() {
  const activities = useCall("activity_list", {}, { topic: "activity" });
  const cancel = useAction("activity_cancel", ["activity_list"]);
  const now = useNow();
  const [open, setOpen] = useState<number | null>(null);
  const [text, setText] = useQueryParam("search");
  const { mutate } = cancel;
  const waits = activities.data?.some((row) => left(row) !== UNKNOWN) ?? false;
  const stops = activities.data?.some((row) => row.can_cancel && row.state === "running") ?? false;
  const columns = useMemo<readonly Column<Activity>[]>(
    () => [
      { id: "state", title: "state", width: 112, cell: (row) => <Badge tone={TONES[row.state]}>{row.state.toUpperCase()}</Badge>, sortBy: (row) => URGENCY[row.state] },
      { id: "kind", title: "kind", width: 92, tone: "mute", cell: (row) => row.kind, sortBy: (row) => row.kind },
      { id: "title", title: "what", width: 200, grow: true, cell: (row) => <span title={[row.title, row.error?.message, row.detail].filter(Boolean).join(" · ")}>{row.title}{row.error && <span className="bad"> · {row.error.message}</span>}{row.detail !== null && <span className="mute"> · {row.detail}</span>}</span>, sortBy: (row) => row.title },
      { id: "done", title: "done", width: 176, align: "right", mono: true, cell: progress, sortBy: (row) => row.done },
      { id: "rate", title: "/s", name: "A second", width: 84, align: "right", mono: true, tone: "mute", cell: (row) => rated(pace(row, now)), sortBy: (row) => pace(row, now) },
      ...(waits ? [{ id: "left", title: "time left", width: 92, align: "right", mono: true, tone: "mute", cell: (row) => (left(row) === UNKNOWN ? "" : left(row)) } satisfies Column<Activity>] : []),
      { id: "started", title: "started", width: 92, align: "right", tone: "mute", cell: (row) => <span title={dateTime(row.started_ms)}>{ago(row.started_ms, now)}</span>, sortBy: (row) => row.started_ms },
      { id: "took", title: "took", width: 92, align: "right", mono: true, tone: "mute", sortBy: (row) => (row.ended_ms ?? now) - row.started_ms, cell: (row) => duration((row.ended_ms ?? now) - row.started_ms) },
      ...(stops ? [{
        id: "cancel", title: "", name: "Cancel", width: 100,
        cell: (row) => row.can_cancel && row.state === "running" && <Button kind="quiet" style={{ height: 22 }} onPointerDown={(event) => event.stopPropagation()} onClick={() => mutate({ id: row.id }, { onError: (error) => toast.failed(`${row.title} was not cancelled`, error) })} testId={`cancel-${row.id}`}>Cancel</Button>,
      } satisfies Column<Activity>] : []),
    ],
    [now, mutate, waits, stops],
  );
  const running = activities.data?.filter((row) => row.state === "running").length ?? 0;
  const shown = useMemo(() => activities.data && inOrder(activities.data).filter((row) => `${row.kind} ${row.title} ${row.state} ${row.detail ?? ""}`.toLowerCase().includes(text.toLowerCase())), [activities.data, text]);
  const chosen = activities.data?.find((row) => row.id === open);
  return (
    <Screen testId="screen-activity">
      <Bar title="Activity" sub={activities.data && `${running} running · ${count(activities.data.length - running, "other")} since the workspace was opened`} actions={<SearchInput label="Search activity" value={text} onChange={setText} />} />
      <Table id="activities" label="Activity" columns={columns} rowKey={(row) => String(row.id)} rows={shown} selectedKey={open === null ? null : String(open)} onSelect={(row) => setOpen(row.id)} loading={activities.isPending} error={activities.error} onRetry={() => void activities.refetch()} empty={text ? <EmptyState title={`Nothing that ran has “${text}”`}>Clear the search.</EmptyState> : <EmptyState title="Nothing has run yet">Sources, evaluations, syncs, queries and tails appear here while they run and after.</EmptyState>} />
      {chosen && (chosen.error || chosen.total !== null) && (
        <div style={{ flex: "none", padding: "12px var(--gutter)", borderTop: "1px solid var(--line)" }} data-testid="activity-detail">
          {chosen.error ? <ErrorNote error={chosen.error} /> : <Progress label={chosen.title} done={chosen.done ?? 0} total={chosen.total} />}
        </div>
      )}
    </Screen>
  );
}
