/** Alerts on lag: what each watches for, and for which groups it fires. */

import { useMemo, useState } from "react";
import type { AlertInstance, AlertSummary } from "@/bindings";
import { useCall } from "@/platform";
import { Badge, Button, type Tone } from "@/shared/controls";
import { sentence } from "@/shared/errors";
import { ago, dateTime, groupedCounts } from "@/shared/format";
import { useNow } from "@/shared/frame";
import { EmptyState } from "@/shared/layout";
import { Dialog } from "@/shared/overlay";
import { navigate, path } from "@/shared/router";
import { Table, type Column } from "@/shared/table";
import { AlertForm } from "./AlertForm";
import { draftOf, emptyDraft, type Draft } from "./alertForm";

type State = AlertInstance["state"] | "quiet" | "off";
const TONES: Readonly<Record<State, Tone>> = { firing: "error", pending: "warning", resolved: "ok", quiet: "neutral", off: "neutral" };
const URGENCY: Readonly<Record<State, number>> = { firing: 0, pending: 1, resolved: 2, quiet: 3, off: 4 };
const ROWS_MAX = 12;

export interface AlertLine {
  alert: string;
  title: string;
  state: State;
  cluster: string | null;
  group: string | null;
  at: number | null;
  why: string;
  /** It watches sources, whose violations are elsewhere, and is written in its file. */
  ofSources: boolean;
}

/** A line a group that an alert says something of; one that says nothing has a line of its own. */
export function lines(alerts: readonly AlertSummary[]): AlertLine[] {
  return alerts.flatMap((alert): AlertLine[] => {
    const own = { alert: alert.name, title: alert.definition.title ?? alert.name, ofSources: alert.definition.violations != null };
    if (alert.instances.length === 0) return [{ ...own, state: alert.definition.enabled ? "quiet" : "off", cluster: null, group: null, at: null, why: alert.sentence }];
    return alert.instances.map((it) => ({ ...own, state: it.state, cluster: it.cluster, group: it.group, at: it.resolved_ms ?? it.since_ms, why: it.error === null ? it.reason : `${it.reason} · nobody could be told: ${it.error.message}` }));
  });
}

export function AlertsButton({ cluster, group }: { cluster: string; group: string | undefined }) {
  const alerts = useCall("alert_list", {}, { topic: "alerts" });
  useCall("alert_list", {}, { topic: "definitions" });
  const [open, setOpen] = useState(false);
  const [form, setForm] = useState<{ draft: Draft; create: boolean } | null>(null);
  const firing = alerts.data?.flatMap((alert) => alert.instances).filter((it) => it.state === "firing").length ?? 0;
  return (
    <>
      <Button onClick={() => setOpen(true)} testId="alerts-open" className={firing > 0 ? "bad" : undefined}>{firing > 0 ? `Alerts ${firing}` : "Alerts"}</Button>
      {open && form === null && <AlertsDialog alerts={alerts.data} error={alerts.error} onRetry={() => void alerts.refetch()} onClose={() => setOpen(false)} onNew={() => setForm({ draft: emptyDraft(cluster, group), create: true })} onEdit={(alert) => setForm({ draft: draftOf(alert.name, alert.definition), create: false })} />}
      {form !== null && <AlertForm {...form} onClose={() => setForm(null)} />}
    </>
  );
}

function AlertsDialog({ alerts, error, onRetry, onClose, onNew, onEdit }: { alerts: readonly AlertSummary[] | undefined; error: unknown; onRetry: () => void; onClose: () => void; onNew: () => void; onEdit: (alert: AlertSummary) => void }) {
  const now = useNow();
  const rows = useMemo(() => alerts && lines(alerts), [alerts]);
  const columns = useMemo<readonly Column<AlertLine>[]>(
    () => [
      { id: "state", title: "state", width: 100, cell: (row) => <Badge tone={TONES[row.state]}>{row.state.toUpperCase()}</Badge>, sortBy: (row) => URGENCY[row.state] },
      { id: "alert", title: "alert", width: 150, cell: (row) => <span title={row.alert}>{row.title}</span>, sortBy: (row) => row.title },
      { id: "group", title: "of", width: 170, cell: (row) => (row.group === null ? "" : <>{row.group}<span className="faint"> · {row.ofSources ? "source" : row.cluster}</span></>), sortBy: (row) => row.group },
      { id: "at", title: "since", width: 90, align: "right", tone: "mute", cell: (row) => (row.at === null ? "" : <span title={dateTime(row.at)}>{ago(row.at, now)}</span>), sortBy: (row) => row.at },
      { id: "why", title: "why", width: 260, grow: true, tone: "mute", cell: (row) => <span title={row.why}>{sentence(groupedCounts(row.why))}</span> },
      {
        id: "edit", title: "", name: "Edit", width: 84, align: "right",
        cell: (row) => row.ofSources ? <span className="faint" title={`Edit alerts/${row.alert}.toml: this form is for alerts on lag`}>in its file</span> : <Button kind="quiet" aria-label={`Edit ${row.title}`} onClick={(event) => { event.stopPropagation(); const alert = alerts?.find(({ name }) => name === row.alert); if (alert) onEdit(alert); }} testId={`alert-edit-${row.alert}`}>Edit</Button>,
      },
    ],
    [now, alerts, onEdit],
  );
  return (
    <Dialog open onClose={onClose} title="Alerts" about="Each is a file in alerts/ of the workspace: a lag in records or in time, or a status, for a while, or violations of tracking plans. It is told on the desktop and to a webhook, once when it fires and once when it is resolved." width={940} footer={<><Button onClick={onClose}>Close</Button><Button kind="primary" onClick={onNew} testId="alert-new">New alert…</Button></>} testId="alerts">
      <Table
        id="alert-lines"
        label="Alerts"
        columns={columns}
        rowKey={(row) => `${row.alert}/${row.cluster ?? ""}/${row.group ?? ""}`}
        rows={rows}
        rowsMax={ROWS_MAX}
        initialSort={{ column: "state", descending: false }}
        openOnClick
        onOpen={(row) => {
          if (row.cluster === null || row.group === null) return;
          onClose();
          navigate(row.ofSources ? path("events", { tab: "violations", source: row.group }) : path("groups", row.cluster, row.group));
        }}
        loading={rows === undefined && error == null}
        error={error}
        onRetry={onRetry}
        empty={<EmptyState title="No alert yet">Make one here, or write alerts/NAME.toml with lag = 10000, lag_time = "5 minutes" or status = ["err"], and for = "5 minutes".</EmptyState>}
      />
    </Dialog>
  );
}
