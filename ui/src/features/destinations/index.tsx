/** Destinations and their syncs: what is delivered where, what is owed, and every run. */

import { useMemo, useState } from "react";
import type { DestinationSummary, SyncDifference, SyncOutcome, SyncRun, SyncSummary } from "@/bindings";
import { useAction, useCall } from "@/platform";
import { Badge, Button, SearchInput, type Tone } from "@/shared/controls";
import { cellColumns } from "@/shared/cells";
import { sentence } from "@/shared/errors";
import { ago, count, dateTime, duration, number } from "@/shared/format";
import { useNow } from "@/shared/frame";
import { Bar, EmptyState, ErrorNote, Loading, Screen, Stat } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { Link, navigate, path, useQueryParam, useRoute } from "@/shared/router";
import { Table, type Column } from "@/shared/table";
import styles from "./destinations.module.css";

const DESTINATIONS: readonly Column<DestinationSummary>[] = [
  { id: "name", title: "destination", width: 150, grow: true, cell: (row) => <>{row.name} {row.error && <Badge tone="error" title={row.error.message}>ERROR</Badge>}</>, sortBy: (row) => row.name },
  { id: "kind", title: "kind", width: 90, tone: "mute", cell: (row) => row.kind, sortBy: (row) => row.kind },
  { id: "target", title: "target", width: 200, grow: true, mono: true, tone: "mute", cell: (row) => row.target, sortBy: (row) => row.target },
  { id: "syncs", title: "syncs", width: 64, align: "right", mono: true, cell: (row) => number(row.syncs.length), sortBy: (row) => row.syncs.length },
];

const RUN_TONES: Readonly<Record<SyncRun["state"], Tone>> = { running: "information", succeeded: "ok", partial: "warning", failed: "error", cancelled: "neutral" };

export default function Destinations() {
  const { segments, query } = useRoute();
  const destinations = useCall("destination_list", {}, { topic: "definitions" });
  const syncs = useCall("sync_list", {}, { topic: "syncs" });
  const now = useNow();
  const syncName = query.get("sync") ?? null;
  const [text, setText] = useQueryParam("search");
  const syncColumns = useMemo<readonly Column<SyncSummary>[]>(
    () => [
      { id: "sync", title: "sync", width: 180, grow: true, cell: (row) => row.name, sortBy: (row) => row.name },
      { id: "audience", title: "audience", width: 140, grow: true, cell: (row) => <Link className="info" to={path("audiences", row.definition.audience)}>{row.definition.audience}</Link>, sortBy: (row) => row.definition.audience },
      { id: "destination", title: "destination", width: 104, tone: "mute", cell: (row) => row.definition.destination, sortBy: (row) => row.definition.destination },
      { id: "state", title: "last run", width: 100, cell: (row) => (row.last_run ? <Badge tone={RUN_TONES[row.last_run.state]}>{row.last_run.state.toUpperCase()}</Badge> : <span className="faint">never</span>), sortBy: (row) => row.last_run?.state },
      { id: "when", title: "when", width: 96, align: "right", tone: "mute", cell: (row) => (row.last_run ? ago(row.last_run.started_ms, now) : ""), sortBy: (row) => row.last_run?.started_ms },
      { id: "acknowledged", title: "there", width: 96, align: "right", mono: true, cell: (row) => number(row.acknowledged), sortBy: (row) => row.acknowledged },
      { id: "owed", title: "owed", width: 80, align: "right", mono: true, cell: (row) => (row.owed ? <span className="warn">{number(row.owed)}</span> : number(row.owed)), sortBy: (row) => row.owed },
      { id: "every", title: "every", width: 128, tone: "mute", cell: (row) => (row.definition.enabled ? row.definition.every : "switched off"), sortBy: (row) => (row.definition.enabled ? row.definition.every : "switched off") },
    ],
    [now],
  );
  const name = segments[1];
  const sync = syncs.data?.find((each) => each.name === syncName);
  const shownSyncs = useMemo(() => syncs.data?.filter((each) => name === undefined || each.definition.destination === name), [syncs.data, name]);
  const wanted = text.toLowerCase();
  const foundSyncs = useMemo(() => shownSyncs?.filter((row) => `${row.name} ${row.definition.audience} ${row.definition.destination}`.toLowerCase().includes(wanted)), [shownSyncs, wanted]);
  const found = useMemo(() => destinations.data?.filter((row) => `${row.name} ${row.kind} ${row.target} ${row.syncs.join(" ")}`.toLowerCase().includes(wanted)), [destinations.data, wanted]);
  const destination = destinations.data?.find((each) => each.name === name);
  return (
    <Screen testId="screen-destinations">
      <Bar title="Destinations" sub={destinations.data && `${count(destinations.data.length, "destination")} · ${count(syncs.data?.length ?? 0, "sync", "syncs")}`} actions={<>{destination && <TestButton key={destination.name} name={destination.name} />}<SearchInput label="Search destinations and syncs" value={text} onChange={setText} width={270} /></>} />
      <Table
        id="destinations"
        label="Destinations"
        columns={DESTINATIONS}
        rowKey={(row) => row.name}
        rows={found}
        rowsMax={7}
        selectedKey={name ?? null}
        onSelect={(row) => navigate(path("destinations", row.name, { search: text }), { replace: name !== undefined })}
        initialSort={{ column: "name", descending: false }}
        loading={destinations.isPending}
        error={destinations.error}
        onRetry={() => void destinations.refetch()}
        empty={text ? <EmptyState title={`No destination has “${text}”`} /> : <EmptyState title="No destination yet">Add destinations/NAME.toml with kind = "postgres", "webhook" or "file".</EmptyState>}
      />
      {destination?.error && <div className={styles["note"]}><ErrorNote error={destination.error} /></div>}
      <Bar level={2} title="Syncs" sub={name === undefined ? "one audience to one destination each" : `to ${name}`} actions={name !== undefined && <Button kind="quiet" onClick={() => navigate(path("destinations"))}>Show all</Button>} />
      <Table
        id="syncs"
        label="Syncs"
        columns={syncColumns}
        rowKey={(row) => row.name}
        rows={foundSyncs}
        {...(sync && { rowsMax: 7 })}
        selectedKey={syncName}
        onSelect={(row) => navigate(path("destinations", ...(name === undefined ? [] : [name]), { sync: row.name, search: text }), { replace: syncName !== null })}
        initialSort={{ column: "sync", descending: false }}
        loading={syncs.isPending}
        error={syncs.error}
        onRetry={() => void syncs.refetch()}
        empty={text ? <EmptyState title={`No sync has “${text}”`}>Clear the search.</EmptyState> : name !== undefined && syncs.data?.length ? <EmptyState title={`Nothing is delivered to ${name}`}>{`Add syncs/NAME.toml with destination = "${name}", an audience, a key and a mapping.`}</EmptyState> : <EmptyState title="No sync yet">Add syncs/NAME.toml with an audience, a destination, a key and a mapping.</EmptyState>}
      />
      {sync && <Sync key={sync.name} sync={sync} />}
    </Screen>
  );
}

function TestButton({ name }: { name: string }) {
  const test = useAction("destination_test");
  const run = () => test.mutate({ name }, { onSuccess: (result) => (result.ok ? toast.done(`${name} answers in ${duration(result.took_ms)}`, result.detail) : toast.failed(`${name} does not answer`, result.detail)), onError: (error) => toast.failed(`${name} does not answer`, error) });
  return <Button disabled={test.isPending} onClick={run} testId="destination-test">{test.isPending ? "Testing…" : `Test ${name}`}</Button>;
}

const RUNS: readonly Column<SyncRun>[] = [
  { id: "started", title: "run started", width: 180, mono: true, tone: "mute", cell: (row) => dateTime(row.started_ms), sortBy: (row) => row.started_ms },
  { id: "state", title: "state", width: 110, cell: (row) => <Badge tone={RUN_TONES[row.state]}>{row.state.toUpperCase()}</Badge>, sortBy: (row) => row.state },
  { id: "added", title: "added", width: 80, align: "right", mono: true, cell: (row) => number(row.added), sortBy: (row) => row.added },
  { id: "changed", title: "changed", width: 80, align: "right", mono: true, cell: (row) => number(row.changed), sortBy: (row) => row.changed },
  { id: "removed", title: "removed", width: 80, align: "right", mono: true, cell: (row) => number(row.removed), sortBy: (row) => row.removed },
  { id: "delivered", title: "delivered", width: 90, align: "right", mono: true, cell: (row) => number(row.delivered), sortBy: (row) => row.delivered },
  { id: "failed", title: "failed", width: 70, align: "right", mono: true, cell: (row) => (row.failed > 0 ? <span className="bad">{number(row.failed)}</span> : "0"), sortBy: (row) => row.failed },
  { id: "took", title: "took", width: 80, align: "right", mono: true, tone: "mute", cell: (row) => duration(row.ended_ms === null ? null : row.ended_ms - row.started_ms), sortBy: (row) => (row.ended_ms === null ? null : row.ended_ms - row.started_ms) },
  { id: "why", title: "why", width: 120, grow: true, cell: (row) => (row.error ? <span className="bad" title={row.error.message}>{row.error.message}</span> : row.note && <span className="mute" title={row.note}>{row.note}</span>) },
];
/** Runs shown; older ones are in the store. */
const RUNS_MAX = 200;

function Sync({ sync }: { sync: SyncSummary }) {
  const runs = useCall("sync_runs", { name: sync.name, offset: 0, limit: RUNS_MAX }, { topic: "syncs", keep: true });
  const run = useAction("sync_run", ["sync_list", "sync_runs"]);
  const [outcome, setOutcome] = useState<SyncOutcome | null>(null);
  const [open, setOpen] = useState<SyncRun | null>(null);
  const preview = () => run.mutate({ name: sync.name, dry_run: true }, { onSuccess: setOutcome });
  const error = open?.error ?? sync.error ?? sync.last_run?.error ?? null;
  const note = open?.note ?? null;
  return (
    <>
      <Bar level={2} title={sync.name} sub={`${sync.definition.audience} to ${sync.definition.destination} by ${sync.definition.key} · ${Object.keys(sync.definition.mapping).join(", ")} · ${sync.definition.enabled ? `every ${sync.definition.every}` : "switched off"}`} actions={<Button kind="primary" disabled={run.isPending} onClick={preview} testId="sync-preview">{run.isPending ? "Comparing…" : "Preview and run…"}</Button>} />
      {run.error && <div className={styles["note"]}><ErrorNote error={run.error} testId="sync-error" /></div>}
      {error && <div className={styles["note"]}><ErrorNote error={error} testId="sync-run-error" /></div>}
      {note !== null && <p className={styles["note"]}>{sentence(note)}</p>}
      <Table id="sync-runs" label={`Runs of ${sync.name}`} columns={RUNS} rowKey={(row) => String(row.id)} rows={runs.data} selectedKey={open === null ? null : String(open.id)} onSelect={setOpen} initialSort={{ column: "started", descending: true }} loading={runs.isPending} error={runs.error} onRetry={() => void runs.refetch()} empty={<EmptyState title="Never run">{`It runs ${sync.definition.enabled ? `every ${sync.definition.every}` : "when you run it: it is switched off"}.`}</EmptyState>} />
      {outcome && <Difference sync={sync} difference={outcome.difference} onClose={() => setOutcome(null)} />}
    </>
  );
}

/** Exactly what a run would change, then asks once. */
function Difference({ sync, difference, onClose }: { sync: SyncSummary; difference: SyncDifference; onClose: () => void }) {
  const run = useAction("sync_run", ["sync_list", "sync_runs"]);
  const columns = useMemo(() => cellColumns(difference.sample.columns, difference.sample.rows), [difference.sample]);
  const changes = difference.added + difference.changed + difference.removed;
  const deliver = () =>
    run.mutate({ name: sync.name, dry_run: false }, {
      onSuccess: ({ run: done }) => {
        if (done) toast.done(`${sync.name}: ${count(done.delivered, "row")} delivered`, done.failed > 0 ? `${count(done.failed, "row")} still owed` : undefined);
        onClose();
      },
    });
  return (
    <Dialog
      open
      onClose={onClose}
      width={760}
      title={`${sync.definition.audience} to ${sync.definition.destination}`}
      about="The difference between the audience now and what the destination last acknowledged. Only rows that this sync wrote are ever removed."
      footer={<><Button onClick={onClose}>Cancel</Button><Button kind="primary" disabled={run.isPending || changes === 0} onClick={deliver} testId="sync-deliver">{changes === 0 ? "Nothing to deliver" : `Deliver ${count(changes, "change")}`}</Button></>}
      testId="sync-difference"
    >
      <div className={styles["figures"]}>
        <Stat label="Add" value={number(difference.added)} testId="difference-added" />
        <Stat label="Change" value={number(difference.changed)} testId="difference-changed" />
        <Stat label="Remove" value={number(difference.removed)} testId="difference-removed" />
        <Stat label="Already there" value={number(difference.unchanged)} />
      </div>
      {difference.without_key > 0 && <p className="warn" style={{ marginTop: 8 }}>{count(difference.without_key, "member")} without a {sync.definition.key}: they cannot be delivered.</p>}
      {difference.note && <p className="warn" style={{ marginTop: 8 }}>{sentence(difference.note)}</p>}
      {run.error && <div style={{ marginTop: 12 }}><ErrorNote error={run.error} /></div>}
      <div style={{ margin: "12px -16px 0" }}>
        {difference.sample.rows.length > 0 ? <Table id="difference-sample" label="The first changes" columns={columns} rowKey={(row) => row.join("\u0001")} rows={difference.sample.rows} rowsMax={10} /> : run.isPending ? <Loading /> : null}
      </div>
    </Dialog>
  );
}
