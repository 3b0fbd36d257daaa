/** The records of a topic as they arrive: start anywhere, filter by SQL, pause, follow, open one. */

import { useLayoutEffect, useMemo, useRef, useState, type ReactNode } from "react";
import type { PartitionDetail, TailRequest, TailStatus } from "@/bindings";
import { useAction, useCall } from "@/platform";
import { Badge, Button, Dot, Switch, type Tone } from "@/shared/controls";
import { sentence, toAppError, type AppError } from "@/shared/errors";
import { bytes, count, dateTimeMs, day, duration, number, rate, time, zone } from "@/shared/format";
import { EmptyState, ErrorNote, Split } from "@/shared/layout";
import { toast } from "@/shared/overlay";
import { useQueryParam, useSetQuery } from "@/shared/router";
import { SqlEditor, type SqlTables } from "@/shared/sql/SqlEditor";
import { Status } from "@/shared/Status";
import { Table, type Column } from "@/shared/table";
import { fieldTitles, fieldWidth, fitting, pickColumns, VALUE_PX_MIN } from "./columns";
import { FormatPick } from "./FormatPick";
import { PartitionPick } from "./PartitionPick";
import { Range } from "./Range";
import { RecordPane } from "./RecordPane";
import styles from "./Records.module.css";
import { isStartKind, toEnd, toPartitions, toStart, type StartKind } from "./start";
import { ExportButton } from "./write/Export";
import { useTail, useTailRows, type Tail, type TailRecord } from "./useTail";

interface RecordsProps {
  cluster: string;
  topic: string;
  partitions: readonly PartitionDetail[] | undefined;
  shown: boolean;
}

export function Records({ cluster, topic, partitions, shown }: RecordsProps) {
  const wanted = useWanted(cluster, topic, partitions?.length ?? null);
  const { where, request, wrong } = wanted;
  const setQuery = useSetQuery();
  const [record, setRecord] = useQueryParam("record");
  const [compare, setCompare] = useQueryParam("compare");
  const [draft, setDraft] = useState(where);
  // A link may bring another filter: the editor follows it.
  const [ran, setRan] = useState(where);
  if (ran !== where) {
    setRan(where);
    setDraft(where);
  }
  const [run, setRun] = useState(0);
  const [follow, setFollow] = useState(true);
  const tail = useTail(request, run);
  const { status } = tail;
  const [place, room] = useRoom();
  const fields = useFields(status, tail.view, room);
  const columns = useColumns(fields);
  const source = useTailRows(tail, fields.map(({ name }) => name));
  const tables = useFilterColumns(status);
  const failure = tail.error ?? status?.error ?? null;
  const open = opened(record);
  const other = opened(compare);

  const rerun = (query: Readonly<Record<string, string>>) => {
    setFollow(true);
    setQuery({ ...query, record: "" });
    setRun((before) => before + 1);
  };
  const closeRecord = () => setQuery({ record: "", compare: "" });
  const begin = (from: StartKind, at: string) => rerun({ from: from === "end" ? "" : from, at });

  return (
    <>
      <div className={styles["controls"]}>
        <Pace tail={tail} />
        <Range kind={wanted.kind} at={wanted.at} until={wanted.until} onStart={begin} onUntil={(until) => rerun({ until })} />
        <PartitionPick value={wanted.chosen} partitions={partitions} onChange={(chosen) => chosen !== wanted.chosen && rerun({ partitions: chosen })} />
        <FormatPick cluster={cluster} topic={topic} valueFormat={status?.value_format ?? null} keyFormat={status?.key_format ?? null} onSaved={() => rerun({})} />
        <SqlEditor line search label="Filter" value={draft} onChange={setDraft} onRun={(filter) => rerun({ where: filter.trim() })} tables={tables} defaultTable="records" error={ofFilter(failure)} placeholder="where value.event = 'Order Completed'" testId="tail-filter" />
        <Button kind="primary" keys="Shift Enter" onClick={() => rerun({ where: draft.trim() })} testId="tail-run">Run</Button>
        <ExportButton request={request} />
        <Switch label="Follow" checked={follow} onChange={setFollow} testId="tail-follow" />
      </div>
      {failure !== null && <div className={styles["note"]}><ErrorNote error={failure} testId="tail-error" /></div>}
      {wrong !== undefined && <div className={styles["note"]} role="status" data-testid="tail-wrong">{wrong}</div>}
      <Split
        id="record"
        initial={340}
        min={260}
        first={
          <div ref={place} className={styles["place"]}>
            <Table
              id="records"
              label={`Records of ${topic}`}
              columns={columns}
              rowKey={(row) => `${row.partition}-${row.offset}`}
              source={source}
              order="newest-first"
              follow={follow}
              onFollowChange={setFollow}
              selectedKey={open && `${open.partition}-${open.offset}`}
              onSelect={(row) => setRecord(`${row.partition}-${row.offset}`)}
              empty={<Waiting status={status} topic={topic} filtered={where !== ""} failed={failure !== null || wrong !== undefined} onBeginning={() => begin("beginning", "")} />}
            />
          </div>
        }
        onEscape={open ? closeRecord : undefined}
        second={open && <RecordPane cluster={cluster} topic={topic} at={open} other={other} onCompare={(chosen) => setCompare(chosen === null ? "" : `${chosen.partition}-${chosen.offset}`)} onClose={closeRecord} />}
      />
      {shown && <TailFacts status={status} />}
    </>
  );
}

/** The filter is marked where the fault is its own, not where a cluster does not answer. */
function ofFilter(failure: unknown): AppError | null {
  if (failure === null) return null;
  const error = toAppError(failure);
  return error.position || /^(sql|filter)_/.test(error.code) ? error : null;
}

/** What the address asks for. */
function useWanted(cluster: string, topic: string, count: number | null) {
  const [from] = useQueryParam("from", "end");
  const [at] = useQueryParam("at");
  const [until] = useQueryParam("until");
  const [chosen] = useQueryParam("partitions");
  const [where] = useQueryParam("where");
  const kind = isStartKind(from) ? from : "end";
  return useMemo(() => {
    const start = toStart(kind, at);
    const end = toEnd(until);
    // Which partitions there are is known later: until then any number is taken.
    const pick = toPartitions(chosen, count);
    const wrong = start.wrong ?? end.wrong ?? pick.wrong;
    const request: TailRequest | null =
      start.wrong !== undefined || end.wrong !== undefined || pick.wrong !== undefined
        ? null
        : { cluster, topic, start: start.start, partitions: pick.partitions, filter: where || null, stop_at_end: end.stopAtEnd, ...(end.untilMs !== null && { until_ms: end.untilMs }), ...(end.limit !== null && { limit: end.limit }) };
    return { kind, at, until, chosen, where, request, wrong };
  }, [cluster, topic, kind, at, until, chosen, where, count]);
}

/** `7-88214458`: the partition and offset of the record that is open. */
function opened(record: string): { partition: number; offset: number } | null {
  const [, partition, offset] = /^(\d+)-(\d+)$/.exec(record) ?? [];
  return partition === undefined || offset === undefined ? null : { partition: Number(partition), offset: Number(offset) };
}

/** Pause and stop. What was scanned stays in the table. */
function Pace({ tail }: { tail: Tail }) {
  const { status, view } = tail;
  const state = status?.state ?? "starting";
  const ended = state === "stopped" || state === "failed" || tail.error !== null;
  const paused = state === "paused";
  // A broker that went away, or has not answered yet: nothing is live, though nothing is lost either.
  const waiting = state === "starting" && status?.note != null;
  const pause = useAction("tail_pause", ["tail_status"]);
  const resume = useAction("tail_resume", ["tail_status"]);
  const stop = useAction("tail_stop", ["tail_status"]);
  const act = (action: Pick<typeof pause | typeof stop, "mutateAsync">) => {
    if (view !== null) action.mutateAsync({ view }).catch((error: unknown) => toast.failed("The tail goes on as it was", error));
  };
  return (
    <div className={styles["pace"]}>
      <Button onClick={() => act(paused ? resume : pause)} disabled={view === null || ended} aria-pressed={paused} title={ended ? "It has ended: Run starts it again" : paused ? "Go on" : "Pause: nothing is read until it goes on"} style={{ width: 84 }} testId="tail-pause">
        <Dot tone={ended ? "neutral" : paused || waiting ? "warning" : "ok"} />{ended ? (state === "failed" || tail.error !== null ? "Failed" : "Stopped") : paused ? "Paused" : waiting ? "Waiting" : "Live"}
      </Button>
      <Button onClick={() => act(stop)} disabled={view === null || ended} title="Stop reading for good" testId="tail-stop">Stop</Button>
    </div>
  );
}

function Waiting({ status, topic, filtered, failed, onBeginning }: { status: TailStatus | undefined; topic: string; filtered: boolean; failed: boolean; onBeginning: () => void }) {
  if (failed) return <EmptyState title="Nothing is tailed">Mend what the line above names, then run again.</EmptyState>;
  if (filtered && status && status.scanned > 0 && status.state === "stopped") return <EmptyState title="No record matched">{`${count(status.scanned, "record")} scanned, none kept by the filter.${status.note === null ? "" : ` ${sentence(status.note)}.`}`}</EmptyState>;
  if (filtered && status && status.scanned > 0) return <EmptyState title="No record matches yet">{`${count(status.scanned, "record")} scanned, none kept by the filter. Records that match appear as they arrive.${status.note === null ? "" : ` ${sentence(status.note)}.`}`}</EmptyState>;
  if (status?.state === "stopped") return <EmptyState title={filtered ? "No record matched" : "No records"}>{status.note === null ? `${count(status.scanned, "record")} scanned.` : `${sentence(status.note)}.`}</EmptyState>;
  return <EmptyState title={`Waiting for records in ${topic}`} actions={<Button onClick={onBeginning}>Start at the beginning</Button>}>{status?.note == null ? "New records appear as they arrive." : sentence(status.note)}</EmptyState>;
}

const STATE_TONES: Readonly<Record<TailStatus["state"], Tone>> = { starting: "information", running: "ok", paused: "warning", stopped: "neutral", failed: "error" };

const STATE_TEXTS: Readonly<Record<TailStatus["state"], string>> = { starting: "starting", running: "live", paused: "paused", stopped: "stopped", failed: "failed" };

function TailFacts({ status }: { status: TailStatus | undefined }) {
  if (!status) return null;
  const toGo = status.partitions.reduce((sum, { next, end }) => sum + Math.max(0, end - next), 0);
  const reading = status.state === "running" && toGo > status.per_second;
  return (
    <>
      <Status>
        <span data-testid="tail-state" data-state={status.state}><Dot tone={STATE_TONES[status.state]} />{reading ? "catching up" : STATE_TEXTS[status.state]}</span>
        <span data-testid="tail-scanned">scanned {count(status.scanned, "record")} · {bytes(status.scanned_bytes)}</span>
        <span data-testid="tail-matched">matched {number(status.matched)}</span>
        {status.evicted > 0 && <span data-testid="tail-evicted" title="The table keeps the newest rows. Those that left it are in the topic still.">left the table {number(status.evicted)}</span>}
        {status.waiting > 0 && <span data-testid="tail-waiting" title="They matched, and wait for slower partitions, so that records come in the order of time">waiting for their turn {number(status.waiting)}</span>}
        {status.mistyped > 0 && <span className="warn" data-testid="tail-mistyped" title="Values that were not of the type first seen in their field: the filter saw them as null">of another type {number(status.mistyped)}</span>}
        {status.undecoded > 0 && <span className="warn" data-testid="tail-undecoded" title={`Not of the format they are read as, shown as they are. The first: ${status.undecoded_first ?? "not known"}`}>not decoded {number(status.undecoded)}</span>}
        {status.note !== null && status.note !== STATE_TEXTS[status.state] && <span className={styles["why"]} data-testid="tail-note" title={status.note}>{sentence(status.note)}</span>}
      </Status>
      <Status side="right">
        {reading && <span data-testid="tail-left">{number(toGo)} to go{status.per_second > 0 && `, ${duration((toGo / status.per_second) * 1000)}`}</span>}
        {status.state !== "stopped" && status.state !== "failed" && <span>{rate(status.per_second)}</span>}
      </Status>
    </>
  );
}

/** How wide the table is; 0 until it is laid out. */
function useRoom() {
  const place = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState(0);
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return;
    const measure = () => setRoom(element.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [place, room] as const;
}

/** The decoded fields that have a column of their own and the room for it. */
function useFields(status: TailStatus | undefined, view: number | null, room: number): TailStatus["columns"] {
  const found = JSON.stringify(status?.columns ?? []);
  const [picked, setPicked] = useState<{ view: number | null; found: string; fields: TailStatus["columns"] }>({ view, found: "", fields: [] });
  if (picked.view !== view || picked.found !== found) {
    const shown = picked.view === view ? picked.fields.map(({ name }) => name) : [];
    setPicked({ view, found, fields: pickColumns(JSON.parse(found) as TailStatus["columns"], shown) });
  }
  const fields = JSON.stringify(fitting(picked.fields, room));
  return useMemo(() => JSON.parse(fields) as TailStatus["columns"], [fields]);
}

function useColumns(kept: TailStatus["columns"]): readonly Column<TailRecord>[] {
  return useMemo(() => {
    const titles = fieldTitles(kept.map(({ name }) => name));
    const fields = kept.map(
      ({ name, numeric }, index): Column<TailRecord> => ({
        id: `field-${name}`,
        title: <span title={`value.${name}`}>{titles[index]}</span>,
        name,
        width: fieldWidth({ name, numeric }, titles[index] ?? name),
        mono: numeric,
        ...(numeric ? { align: "right", tone: "warn" } : {}),
        cell: (row) => shownField(row.named.get(name)),
      }),
    );
    return [
      { id: "partition", title: "P", name: "Partition", width: 46, align: "right", mono: true, tone: "mute", cell: (row) => row.partition },
      { id: "offset", title: "offset", width: 98, align: "right", mono: true, tone: "mute", cell: (row) => number(row.offset) },
      { id: "time", title: "time", width: 156, mono: true, cell: (row) => <Moment ms={row.timestamp_ms} /> },
      { id: "key", title: "key", width: 84, mono: true, tone: "info", cell: (row) => row.key ?? <span className="faint">null</span> },
      ...fields,
      { id: "value", title: "value", width: VALUE_PX_MIN, grow: true, mono: true, tone: "mute", cell: (row) => shownValue(row) },
    ];
  }, [kept]);
}

/** Day and time: a record may be older than it looks. */
function Moment({ ms }: { ms: number | null }) {
  if (ms === null) return <span className="faint">null</span>;
  return <span title={`${dateTimeMs(ms)} ${zone(-new Date(ms).getTimezoneOffset())}`}><span className="mute">{day(ms, Date.now())}</span> {time(ms)}</span>;
}

/** Of a column that is new the rows that are there are asked for again: until then nothing is known of it. */
function shownField(value: string | null | undefined): ReactNode {
  if (value === undefined) return "·";
  return value === null ? <span className="faint">null</span> : value;
}

function shownValue(row: TailRecord): ReactNode {
  if (row.problem !== null) return <span title={row.problem}><span className="bad">!</span> {row.value}</span>;
  // A value may say `null` itself: that is JSON, and no tombstone.
  return row.value ?? <span className="faint" data-testid="tombstone" title="A record without a value: where the topic is compacted, it deletes what was kept of its key">null <Badge>tombstone</Badge></span>;
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
