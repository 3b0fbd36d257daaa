/** The records of a topic as they arrive: start anywhere, filter by SQL, pause, follow, open one. */

import { useMemo, useState, type ReactNode } from "react";
import type { TailRequest, TailStatus } from "@/bindings";
import { call, useCall } from "@/platform";
import { Button, Dot, Select, Switch, TextInput, type Tone } from "@/shared/controls";
import { toAppError } from "@/shared/errors";
import { bytes, count, number, rate, time } from "@/shared/format";
import { EmptyState, ErrorNote, Split } from "@/shared/layout";
import { toast } from "@/shared/overlay";
import { useQueryParam } from "@/shared/router";
import { SqlEditor, type SqlTables } from "@/shared/sql/SqlEditor";
import { Status } from "@/shared/Status";
import { Table, type Column } from "@/shared/table";
import { RecordPane } from "./RecordPane";
import styles from "./Records.module.css";
import { isStartKind, START_HINTS, STARTS, toStart } from "./start";
import { useTail, type TailRecord } from "./useTail";

/** Decoded fields that get a column of their own. */
const FIELD_COLUMNS_MAX = 4;

interface RecordsProps {
  cluster: string;
  topic: string;
  shown: boolean;
}

export function Records({ cluster, topic, shown }: RecordsProps) {
  const [from, setFrom] = useQueryParam("from", "end");
  const [at, setAt] = useQueryParam("at");
  const [where, setWhere] = useQueryParam("where");
  const [draft, setDraft] = useState(where);
  // A link may bring another filter: the editor follows it.
  const [ran, setRan] = useState(where);
  if (ran !== where) {
    setRan(where);
    setDraft(where);
  }
  const [run, setRun] = useState(0);
  const [follow, setFollow] = useState(true);
  const [open, setOpen] = useState<TailRecord | null>(null);
  const kind = isStartKind(from) ? from : "end";
  const { start, wrong } = useMemo(() => toStart(kind, at), [kind, at]);
  const request = useMemo<TailRequest | null>(
    () => (start === undefined ? null : { cluster, topic, start, partitions: [], filter: where || null, stop_at_end: false }),
    [cluster, topic, start, where],
  );
  const tail = useTail(request, run);
  const { status } = tail;
  const columns = useColumns(status);
  const tables = useFilterColumns(status);
  const failure = tail.error ?? status?.error ?? null;
  const paused = status?.state === "paused";

  const rerun = (filter: string) => {
    setOpen(null);
    setFollow(true);
    if (filter.trim() !== where) setWhere(filter.trim());
    setRun((before) => before + 1);
  };
  const begin = (kindChosen: string) => {
    setOpen(null);
    setAt("");
    setFrom(kindChosen);
  };
  const togglePause = () => {
    if (tail.view === null) return;
    call(paused ? "tail_resume" : "tail_pause", { view: tail.view }).catch((error: unknown) => toast.failed("The tail goes on as it was", error));
  };

  return (
    <>
      <div className={styles["controls"]}>
        <Button onClick={togglePause} disabled={tail.view === null || status?.state === "stopped" || status?.state === "failed"} aria-pressed={paused} testId="tail-pause"><Dot tone={paused ? "warning" : "ok"} />{paused ? "Paused" : "Live"}</Button>
        <Select label="Start" prefix="From:" value={kind} choices={STARTS} onChange={begin} testId="tail-from" />
        {START_HINTS[kind] && <StartDetail key={kind} hint={START_HINTS[kind]} value={at} onChange={setAt} />}
        <SqlEditor line label="Filter" value={draft} onChange={setDraft} onRun={rerun} tables={tables} defaultTable="records" error={failure === null ? null : toAppError(failure)} placeholder="where value.event = 'Order Completed'" testId="tail-filter" />
        <Button kind="primary" keys="Shift Enter" onClick={() => rerun(draft)} testId="tail-run">Run</Button>
        <Switch label="Follow" checked={follow} onChange={setFollow} testId="tail-follow" />
      </div>
      {failure !== null && <div className={styles["note"]}><ErrorNote error={failure} testId="tail-error" /></div>}
      {wrong !== undefined && <div className={styles["note"]} role="status">{wrong}</div>}
      <Split
        id="record"
        initial={340}
        min={260}
        first={
          <Table
            id="records"
            label={`Records of ${topic}`}
            columns={columns}
            rowKey={(row) => `${row.partition}-${row.offset}`}
            source={tail.source}
            order="newest-first"
            follow={follow}
            onFollowChange={setFollow}
            selectedKey={open && `${open.partition}-${open.offset}`}
            onSelect={setOpen}
            empty={<Waiting status={status} topic={topic} filtered={where !== ""} failed={failure !== null} onBeginning={() => begin("beginning")} />}
          />
        }
        second={open && <RecordPane cluster={cluster} topic={topic} partition={open.partition} offset={open.offset} onClose={() => setOpen(null)} />}
      />
      {shown && <TailFacts status={status} />}
    </>
  );
}

/** Takes effect on Enter: a half-written time starts nothing. */
function StartDetail({ hint, value, onChange }: { hint: string; value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value);
  return <TextInput label="Start at" mono placeholder={hint} value={text} onChange={setText} style={{ width: 150 }} testId="tail-at" onBlur={() => onChange(text)} onKeyDown={(event) => event.key === "Enter" && onChange(text)} />;
}

function Waiting({ status, topic, filtered, failed, onBeginning }: { status: TailStatus | undefined; topic: string; filtered: boolean; failed: boolean; onBeginning: () => void }) {
  if (failed) return <EmptyState title="Nothing is tailed">Mend what the line above names, then run again.</EmptyState>;
  if (filtered && status && status.scanned > 0) return <EmptyState title="No record matches yet">{`${count(status.scanned, "record")} scanned, none kept by the filter. Records that match appear as they arrive.`}</EmptyState>;
  return <EmptyState title={`Waiting for records in ${topic}`} actions={<Button onClick={onBeginning}>Start at the beginning</Button>}>{status?.note ?? "New records appear as they arrive."}</EmptyState>;
}

const STATE_TONES: Readonly<Record<TailStatus["state"], Tone>> = { starting: "information", running: "ok", paused: "warning", stopped: "neutral", failed: "error" };

function TailFacts({ status }: { status: TailStatus | undefined }) {
  if (!status) return null;
  return (
    <>
      <Status>
        <span data-testid="tail-state"><Dot tone={STATE_TONES[status.state]} />{status.state === "running" ? "live" : status.state}</span>
        <span data-testid="tail-scanned">scanned {count(status.scanned, "record")} · {bytes(status.scanned_bytes)}</span>
        <span data-testid="tail-matched">matched {number(status.matched)}</span>
        {status.evicted > 0 && <span>left the table {number(status.evicted)}</span>}
        {status.undecoded > 0 && <span>not decoded {number(status.undecoded)}</span>}
        {status.mistyped > 0 && <span>of another type {number(status.mistyped)}</span>}
        {status.note !== null && <span>{status.note}</span>}
      </Status>
      <Status side="right"><span>{rate(status.per_second)}</span></Status>
    </>
  );
}

function useColumns(status: TailStatus | undefined): readonly Column<TailRecord>[] {
  const names = JSON.stringify(status?.columns.slice(0, FIELD_COLUMNS_MAX) ?? []);
  return useMemo(() => {
    const fields = (JSON.parse(names) as TailStatus["columns"]).map(
      ({ name, numeric }): Column<TailRecord> => ({
        id: `field-${name}`,
        title: name.split(".").at(-1) ?? name,
        name,
        width: numeric ? 92 : 134,
        mono: numeric,
        ...(numeric ? { align: "right", tone: "warn" } : {}),
        cell: (row) => shownField(row.named.get(name)),
      }),
    );
    return [
      { id: "partition", title: "P", name: "Partition", width: 50, align: "right", mono: true, tone: "mute", cell: (row) => row.partition },
      { id: "offset", title: "offset", width: 104, align: "right", mono: true, tone: "mute", cell: (row) => number(row.offset) },
      { id: "time", title: "time", width: 108, mono: true, cell: (row) => time(row.timestamp_ms) },
      { id: "key", title: "key", width: 104, mono: true, tone: "info", cell: (row) => row.key ?? <span className="faint">null</span> },
      ...fields,
      { id: "value", title: "value", width: 160, grow: true, mono: true, tone: "mute", cell: (row) => shownValue(row) },
    ];
  }, [names]);
}

function shownField(value: string | null | undefined): ReactNode {
  return value == null ? <span className="faint">null</span> : value;
}

function shownValue(row: TailRecord): ReactNode {
  if (row.problem !== null) return <span title={row.problem}><span className="bad">!</span> {row.value}</span>;
  return row.value ?? <span className="faint">null</span>;
}

function useFilterColumns(status: TailStatus | undefined): SqlTables {
  const observed = useCall("observed_show", {}).data;
  return useMemo(() => {
    const own = [["_partition", "INT"], ["_offset", "BIGINT"], ["_timestamp", "TIMESTAMP"], ["_key", "VARCHAR"]] as const;
    const fields = (status?.columns ?? []).map((column) => ({ name: `value.${column.name}`, type: column.data_type }));
    const properties = new Set(observed?.events.flatMap((event) => event.properties.map((property) => `value.properties.${property.name}`)));
    const known = new Set(fields.map((field) => field.name));
    return { records: [...own.map(([name, type]) => ({ name, type })), ...fields, ...[...properties].filter((name) => !known.has(name)).map((name) => ({ name }))] };
  }, [status?.columns, observed]);
}
