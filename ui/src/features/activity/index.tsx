/** Long work: what runs, how far it is, and what became of it. It goes on whatever screen is shown. */

import { useMemo, useState } from "react";
import type { Activity } from "@/bindings";
import { useAction, useCall } from "@/platform";
import { Badge, Button, SearchInput, type Tone } from "@/shared/controls";
import { ago, compact, count, duration, number, percent, perSecondNumber, UNKNOWN } from "@/shared/format";
import { useNow } from "@/shared/frame";
import { Bar, EmptyState, ErrorNote, Progress, Screen } from "@/shared/layout";
import { toast } from "@/shared/overlay";
import { useQueryParam } from "@/shared/router";
import { Table, type Column } from "@/shared/table";

const TONES: Readonly<Record<Activity["state"], Tone>> = { running: "information", done: "ok", failed: "error", cancelled: "neutral" };

function left(row: Activity): string {
  if (row.state !== "running" || row.total === null || row.done === null || !row.per_second) return UNKNOWN;
  return duration(((row.total - row.done) / row.per_second) * 1000);
}

/** Exact once it is done; while it runs the share says more than the last digits. */
function progress({ done, total, state }: Activity): string {
  if (done === null) return UNKNOWN;
  if (total === null || (done >= total && state !== "running")) return number(done);
  return `${compact(done)} of ${compact(total)} · ${percent(total === 0 ? 1 : done / total)}`;
}

export default function Activities() {
  const activities = useCall("activity_list", {}, { topic: "activity" });
  const cancel = useAction("activity_cancel", ["activity_list"]);
  const now = useNow();
  const [open, setOpen] = useState<number | null>(null);
  const [text, setText] = useQueryParam("search");
  const { mutate } = cancel;
  const columns = useMemo<readonly Column<Activity>[]>(
    () => [
      { id: "state", title: "state", width: 106, cell: (row) => <Badge tone={TONES[row.state]}>{row.state.toUpperCase()}</Badge>, sortBy: (row) => row.state },
      { id: "kind", title: "kind", width: 92, tone: "mute", cell: (row) => row.kind, sortBy: (row) => row.kind },
      { id: "title", title: "what", width: 200, grow: true, cell: (row) => <>{row.title}{row.error && <span className="bad"> · {row.error.message}</span>}{row.detail !== null && <span className="mute"> · {row.detail}</span>}</>, sortBy: (row) => row.title },
      { id: "done", title: "done", width: 176, align: "right", mono: true, cell: progress },
      { id: "rate", title: "/s", width: 66, align: "right", mono: true, tone: "mute", cell: (row) => perSecondNumber(row.per_second) },
      { id: "left", title: "time left", width: 86, align: "right", mono: true, tone: "mute", cell: left },
      { id: "started", title: "started", width: 92, align: "right", tone: "mute", cell: (row) => ago(row.started_ms, now), sortBy: (row) => row.started_ms },
      { id: "took", title: "took", width: 92, align: "right", mono: true, tone: "mute", sortBy: (row) => (row.ended_ms ?? now) - row.started_ms, cell: (row) => duration((row.ended_ms ?? now) - row.started_ms) },
      {
        id: "cancel", title: "", name: "Cancel", width: 100,
        cell: (row) => row.can_cancel && row.state === "running" && <Button kind="quiet" style={{ height: 22 }} onPointerDown={(event) => event.stopPropagation()} onClick={() => mutate({ id: row.id }, { onError: (error) => toast.failed(`${row.title} was not cancelled`, error) })} testId={`cancel-${row.id}`}>Cancel</Button>,
      },
    ],
    [now, mutate],
  );
  const running = activities.data?.filter((row) => row.state === "running").length ?? 0;
  const shown = useMemo(() => activities.data?.filter((row) => `${row.kind} ${row.title} ${row.state} ${row.detail ?? ""}`.toLowerCase().includes(text.toLowerCase())), [activities.data, text]);
  const chosen = activities.data?.find((row) => row.id === open);
  return (
    <Screen testId="screen-activity">
      <Bar title="Activity" sub={activities.data && `${running} running · ${count(activities.data.length - running, "other")} since the workspace was opened`} actions={<SearchInput label="Search activity" value={text} onChange={setText} />} />
      <Table id="activities" label="Activity" columns={columns} rowKey={(row) => String(row.id)} rows={shown} selectedKey={open === null ? null : String(open)} onSelect={(row) => setOpen(row.id)} initialSort={{ column: "started", descending: true }} loading={activities.isPending} error={activities.error} onRetry={() => void activities.refetch()} empty={text ? <EmptyState title={`Nothing that ran has “${text}”`}>Clear the search.</EmptyState> : <EmptyState title="Nothing has run yet">Sources, evaluations, syncs, queries and tails appear here while they run and after.</EmptyState>} />
      {chosen && (chosen.error || chosen.total !== null) && (
        <div style={{ flex: "none", padding: "12px var(--gutter)", borderTop: "1px solid var(--line)" }} data-testid="activity-detail">
          {chosen.error ? <ErrorNote error={chosen.error} /> : <Progress label={chosen.title} done={chosen.done ?? 0} total={chosen.total} />}
        </div>
      )}
    </Screen>
  );
}
