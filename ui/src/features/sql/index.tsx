/** Any question, in SQL: the result stays in Rust and is shown a window at a time. */

import { useEffect, useMemo, useRef, useState } from "react";
import type { Column as SqlColumn, SqlTable } from "@/bindings";
import { call, useAction, useCall, useSubscription } from "@/platform";
import { Button, TextInput } from "@/shared/controls";
import { toAppError } from "@/shared/errors";
import { bytes, count, duration, number } from "@/shared/format";
import { Bar, EmptyState, ErrorNote, Screen, Split } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { useQueryParam } from "@/shared/router";
import { remembered, useStore } from "@/shared/store";
import { SqlEditor, type SqlTables } from "@/shared/sql/SqlEditor";
import { Status } from "@/shared/Status";
import { Catalog } from "./Catalog";
import { Scan } from "./Scan";
import { cellColumns, type Cells } from "@/shared/cells";
import { Table, type WindowSource } from "@/shared/table";

const draft = remembered<string>("tailrace.sql", "select event, count(*) as events\nfrom events\ngroup by event\norder by events desc", (value): value is string => value.length > 0);

export default function Sql() {
  const sql = useStore(draft);
  const catalog = useCatalog();
  const tables = useMemo<SqlTables>(() => Object.fromEntries(catalog.tables.map((table) => [table.name, table.columns.map((column) => ({ name: column.name, type: column.data_type }))])), [catalog.tables]);
  const query = useQuery();
  useLinked(query.run);
  const [exporting, setExporting] = useState(false);
  const failure = query.error ?? query.status?.error ?? null;
  const running = query.status?.running ?? false;
  return (
    <Screen testId="screen-sql">
      <Bar
        title="SQL"
        sub={catalog.tables.length > 0 && count(catalog.tables.length, "table")}
        actions={
          <>
            {running && <Button onClick={query.stop} title="Ends it with what was read by now" testId="sql-stop">Stop</Button>}
            <Button disabled={query.view === null || running} onClick={() => setExporting(true)} testId="sql-export">Export…</Button>
            <Button kind="primary" keys="Shift Enter" onClick={() => query.run(sql)} testId="sql-run">Run</Button>
          </>
        }
      />
      <Split
        id="sql-result"
        direction="rows"
        initial={460}
        min={120}
        max={1600}
        first={
          <Split
            id="sql-catalog"
            initial={280}
            min={180}
            first={<SqlEditor label="Query" bare autoFocus value={sql} onChange={draft.set} onRun={query.run} tables={tables} error={failure === null ? null : toAppError(failure)} placeholder="select …" testId="sql-editor" />}
            second={<Catalog tables={catalog.tables} onOpen={catalog.open} onAsk={(name) => {
              const text = `select *\nfrom ${name}\nlimit 100`;
              draft.set(text);
              query.run(text);
            }} />}
          />
        }
        second={
          <>
            {failure !== null && <div style={{ padding: "8px var(--gutter)" }}><ErrorNote error={failure} testId="sql-error" /></div>}
            <Result query={query} />
          </>
        }
      />
      {exporting && <Export sql={query.sql} onClose={() => setExporting(false)} />}
      {query.status && (
        <Status>
          <span data-testid="sql-state">{running ? "running" : "done"}</span>
          <span data-testid="sql-count">{count(query.status.rows, "row")} · {bytes(query.status.bytes)}</span>
          <span>{duration(query.status.took_ms)}</span>
          {query.status.scan !== null && <Scan scan={query.status.scan} running={running} />}
          {query.status.note !== null && <span className="warn">{query.status.note}</span>}
        </Status>
      )}
    </Screen>
  );
}

const NO_TABLES: readonly SqlTable[] = [];

/** What can be asked. The columns of a topic are looked up when it is opened, and kept while the screen is. */
function useCatalog(): { tables: readonly SqlTable[]; open: (table: SqlTable) => void } {
  const listed = useCall("sql_catalog", {}, { topic: "definitions" }).data?.tables ?? NO_TABLES;
  const [known, setKnown] = useState<ReadonlyMap<string, SqlTable>>(new Map());
  const tables = useMemo(() => listed.map((table) => (table.columns.length > 0 ? table : known.get(table.name) ?? table)), [listed, known]);
  const open = (table: SqlTable) => {
    if (table.topic === null || table.columns.length > 0) return;
    call("sql_topic", table.topic).then(
      (found) => setKnown((before) => new Map(before).set(table.name, found)),
      (error: unknown) => toast.failed(`${table.name} could not be looked at`, error),
    );
  };
  return { tables, open };
}

/** A link may bring a query (`#/sql?sql=...`): it is written and run once, and leaves the address. */
function useLinked(run: (sql: string) => void): void {
  const [linked, setLinked] = useQueryParam("sql");
  const latest = useRef(run);
  useEffect(() => {
    latest.current = run;
  });
  useEffect(() => {
    if (linked === "") return;
    draft.set(linked);
    setLinked("");
    latest.current(linked);
  }, [linked, setLinked]);
}

interface Query {
  view: number | null;
  sql: string;
  error: unknown;
  status: ReturnType<typeof useCall<"sql_status">>["data"];
  total: number;
  revision: number;
  run: (sql: string) => void;
  stop: () => void;
}

/** One query at a time: another one closes the last. */
function useQuery(): Query {
  const [open, setOpen] = useState<{ view: number | null; sql: string; error: unknown }>({ view: null, sql: "", error: null });
  const current = useRef<{ view: number | null; run: number }>({ view: null, run: 0 });
  const close = () => {
    if (current.current.view !== null) void call("sql_close", { view: current.current.view }).catch(() => {
      // It is gone already, which is what was asked for.
    });
    current.current.view = null;
  };
  useEffect(() => () => {
    current.current.run += 1;
    close();
  }, []);
  const run = (sql: string) => {
    close();
    const turn = (current.current.run += 1);
    setOpen({ view: null, sql, error: null });
    call("sql_start", { sql }).then(
      ({ view }) => {
        if (turn !== current.current.run) {
          void call("sql_close", { view }).catch(() => {
            // As above.
          });
          return;
        }
        current.current.view = view;
        setOpen({ view, sql, error: null });
      },
      (error: unknown) => {
        if (turn === current.current.run) setOpen({ view: null, sql, error });
      },
    );
  };
  const { view } = open;
  const topic = view === null ? null : { view };
  const { revision } = useSubscription(topic);
  const status = useCall("sql_status", { view: view ?? -1 }, { enabled: view !== null, topic }).data;
  const { mutate } = useAction("sql_stop", ["sql_status"]);
  const stop = () => {
    if (view !== null) mutate({ view }, { onError: (error) => toast.failed("The query goes on", error) });
  };
  return { ...open, status: view === null ? undefined : status, total: status?.running === false ? status.rows : Math.max(status?.rows ?? 0, revision?.total ?? 0), revision: revision?.revision ?? 0, run, stop };
}

/** Rows that the widths of the columns are taken from. */
const SAMPLE_ROWS = 200;
const NO_SAMPLE: readonly Cells[] = [];

/** The first rows, once there are some and again once there are all. Null: there will be some, but they are not here yet. */
function useSample(view: number | null, total: number, running: boolean): readonly Cells[] | null {
  const [sample, setSample] = useState<{ view: number | null; rows: readonly Cells[] }>({ view: null, rows: NO_SAMPLE });
  const any = total > 0;
  useEffect(() => {
    if (view === null || !any) return;
    let ended = false;
    const take = (rows: readonly Cells[]) => {
      if (!ended) setSample({ view, rows });
    };
    call("sql_rows", { view, offset: 0, limit: SAMPLE_ROWS }).then(
      (page) => take(page.rows),
      // The table asks for the same rows, and says what is wrong.
      () => take(NO_SAMPLE),
    );
    return () => {
      ended = true;
    };
  }, [view, any, running]);
  if (!any) return NO_SAMPLE;
  return sample.view === view ? sample.rows : null;
}

function Result({ query }: { query: Query }) {
  const names = JSON.stringify(query.status?.columns ?? []);
  const { view, total, revision } = query;
  const running = query.status?.running ?? true;
  const sample = useSample(view, total, running);
  const columns = useMemo(() => (sample === null ? [] : cellColumns(JSON.parse(names) as SqlColumn[], sample)), [names, sample]);
  const source = useMemo<WindowSource<Cells>>(
    () => ({ id: view ?? "none", revision, total: columns.length === 0 ? 0 : total, appendOnly: true, rows: async (offset, limit) => (view === null ? [] : (await call("sql_rows", { view, offset, limit })).rows) }),
    [view, revision, total, columns.length],
  );
  const empty = query.error !== null || query.status?.error ? (
    <EmptyState title="No result">Mend what the message names, then run again.</EmptyState>
  ) : view === null ? (
    <EmptyState title="Nothing asked yet">Write a query and press Shift Enter. Events, profiles, traits, warehouse tables and topics are tables.</EmptyState>
  ) : (
    <EmptyState title="No rows">The query ran and found nothing.</EmptyState>
  );
  // That there is no row is said once the answer is here and has none: rows that are counted already are on their way.
  const answering = view !== null && query.error === null && !query.status?.error && (running || total > 0);
  return <Table id="sql-rows" label="Result" columns={columns} rowKey={(row) => row.join("\u0001")} source={source} loading={answering} loadingLabel="Running" empty={empty} />;
}

function Export({ sql, onClose }: { sql: string; onClose: () => void }) {
  const [file, setFile] = useState("result.csv");
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const write = () => {
    setBusy(true);
    call("sql_export", { sql, path: file })
      .then((written) => {
        toast.done(`Wrote ${number(written.rows)} rows`, `${written.path} · ${bytes(written.bytes)}`);
        onClose();
      }, setError)
      .finally(() => setBusy(false));
  };
  return (
    <Dialog open onClose={onClose} title="Export the whole result" about="Runs the query again and writes every row, however many the window shows." testId="sql-export-dialog" footer={<><Button onClick={onClose}>Cancel</Button><Button kind="primary" disabled={busy} onClick={write} testId="sql-export-action">Write the file</Button></>}>
      <TextInput label="File: ends in .csv, .jsonl, .json, .parquet or .arrow" value={file} onChange={setFile} testId="sql-export-path" />
      <p className="mute" style={{ marginTop: 8 }}>The ending says the format; .jsonl is one object a line, .json one array. How far it is, and a way to stop it, are in Activity.</p>
      {error !== null && <div style={{ marginTop: 12 }}><ErrorNote error={error} /></div>}
    </Dialog>
  );
}
