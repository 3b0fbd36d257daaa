import { useMemo, useState } from "react";
import type { QuarantinedRecord, SourceSummary } from "@/bindings";
import { useCall } from "@/platform";
import { Badge, Button, SearchInput, type Tone } from "@/shared/controls";
import { ago, dateTime, number } from "@/shared/format";
import { useNow } from "@/shared/frame";
import { Bar, EmptyState, ErrorState, Facts, Loading, Pane, Split } from "@/shared/layout";
import { navigate, path, useQueryParam } from "@/shared/router";
import { isTopic } from "@/shared/sources";
import { Table, type Column } from "@/shared/table";
import { TextLines } from "@/shared/TextLines";
import styles from "./events.module.css";
import { Mend } from "./Mend";

/** Records asked for at first, and with each "Load older". */
const PAGE = 500;
/** Records read before and after the one that is opened in its topic. */
const AROUND = 25;

const KINDS: Readonly<Record<QuarantinedRecord["kind"], readonly [Tone, string]>> = { malformed: ["error", "MALFORMED"], blocked: ["warning", "BLOCKED"], failed: ["error", "FAILED"] };

/** What became no event, newest first, with its reason: searched, opened, mended by a transformation, replayed. */
export function Quarantine({ source }: { source: SourceSummary }) {
  const [pages, setPages] = useState(1);
  const [text, setText] = useState("");
  const [event, setEvent] = useQueryParam("event");
  const [field, setField] = useQueryParam("field");
  const [open, setOpen] = useState<number | null>(null);
  const [mending, setMending] = useState<readonly number[] | null>(null);
  const limit = pages * PAGE;
  const found = useCall("quarantine_list", { source: source.name, text, event, field, offset: 0, limit }, { topic: "events", keep: true });
  const now = useNow(5000);
  const columns = useMemo<readonly Column<QuarantinedRecord>[]>(
    () => [
      { id: "seen", title: "seen", width: 96, tone: "mute", cell: (row) => <span title={dateTime(row.seen_ms)}>{ago(row.seen_ms, now)}</span>, sortBy: (row) => row.seen_ms },
      { id: "kind", title: "kind", width: 104, cell: (row) => <Badge tone={KINDS[row.kind][0]}>{KINDS[row.kind][1]}</Badge>, sortBy: (row) => row.kind },
      { id: "event", title: "event", width: 130, cell: (row) => row.event ?? "", sortBy: (row) => row.event },
      { id: "reason", title: "why", width: 300, grow: true, cell: (row) => <span title={row.reason}>{brief(row)}</span>, sortBy: (row) => brief(row) },
      { id: "partition", title: "P", name: "Partition", width: 44, align: "right", mono: true, tone: "mute", cell: (row) => row.partition, sortBy: (row) => row.partition },
      { id: "offset", title: "offset", width: 104, align: "right", mono: true, cell: (row) => number(row.offset), sortBy: (row) => row.offset },
      { id: "tries", title: "tries", width: 60, align: "right", mono: true, tone: "mute", cell: (row) => (row.tries === 0 ? "" : number(row.tries)), sortBy: (row) => row.tries },
      { id: "value", title: "value", width: 200, grow: true, mono: true, tone: "mute", cell: (row) => <span title={row.value}>{row.value}</span> },
    ],
    [now],
  );
  const { data } = found;
  const records = data?.records;
  const more = data !== undefined && data.records.length < data.total;
  const chosen = records?.find((row) => row.id === open);
  const narrowed = text !== "" || event !== "" || field !== "";
  const only = [event && `of ${event}`, field && `for ${field}`].filter(Boolean).join(" ");
  return (
    <>
      <Bar
        level={2}
        title="Quarantine"
        sub={data && `${more ? `the newest ${number(data.records.length)} of ` : ""}${number(data.total)}${only && ` ${only}`}${data.evicted > 0 ? ` · ${number(data.evicted)} older ones had to leave (${number(data.records_max)} are kept)` : ""}`}
        actions={<>
          {(event !== "" || field !== "") && <Button onClick={() => { setEvent(""); setField(""); }} testId="quarantine-all">Show all</Button>}
          {more && <Button disabled={found.isFetching} onClick={() => setPages(pages + 1)} testId="quarantine-more">Load older</Button>}
          <Button disabled={!data || data.total === 0} onClick={() => setMending([])} testId="quarantine-mend">Mend and replay…</Button>
          <SearchInput label="Search reasons and values" value={text} onChange={setText} testId="quarantine-search" />
        </>}
      />
      <Split
        id="quarantine"
        initial={560}
        min={320}
        first={
          <Table
            id="quarantine"
            label={`Quarantine of ${source.name}`}
            columns={columns}
            rowKey={(row) => String(row.id)}
            rows={records}
            selectedKey={open === null ? null : String(open)}
            onSelect={(row) => setOpen(row.id)}
            initialSort={{ column: "seen", descending: true }}
            loading={found.isPending}
            error={found.error}
            onRetry={() => void found.refetch()}
            empty={narrowed ? <EmptyState title="Nothing kept here is like that">Clear the search, or show all.</EmptyState> : <EmptyState title="Nothing is in quarantine">A record that is no event, or that the tracking plan blocks, is kept here with its reason; nothing is thrown away.</EmptyState>}
          />
        }
        second={chosen ? <Kept key={chosen.id} record={chosen} cluster={isTopic(source.definition) ? (source.definition.cluster ?? null) : null} onMend={() => setMending([chosen.id])} onClose={() => setOpen(null)} /> : null}
      />
      {mending !== null && <Mend source={source} ids={mending} event={event} onClose={() => setMending(null)} />}
    </>
  );
}

function Kept({ record, cluster, onMend, onClose }: { record: QuarantinedRecord; cluster: string | null; onMend: () => void; onClose: () => void }) {
  const shown = useCall("quarantine_show", { id: record.id });
  const inTopic = cluster !== null && path("topics", cluster, record.topic, { from: "offset", at: Math.max(0, record.offset - AROUND), until: `${2 * AROUND + 1} records`, partitions: record.partition, record: `${record.partition}-${record.offset}` });
  return (
    <>
      <Bar level={2} title={record.event ?? "No event"} badge={<Badge tone={KINDS[record.kind][0]}>{KINDS[record.kind][1]}</Badge>} actions={<><Button onClick={onMend} testId="kept-mend">Mend and replay…</Button>{inTopic && <Button onClick={() => navigate(inTopic)} testId="kept-topic">Open in the topic</Button>}<Button kind="quiet" icon aria-label="Close the record" onClick={onClose}>×</Button></>} />
      <Pane testId="kept">
        <p className={styles["keptReason"]} data-testid="kept-reason">{record.reason}</p>
        <Facts items={[cluster === null ? ["posted", `event ${number(record.offset)}`] : ["record", `${record.topic} ${record.partition}-${record.offset}`], ["message id", record.message_id ?? "none"], ["seen", dateTime(record.seen_ms)], ...(record.tries > 0 ? [["replayed", `${number(record.tries)} times, and stayed`] as const] : [])]} />
        {shown.data?.cut && <p className="warn">Only the beginning is kept: it was too large, and can’t be replayed from here.</p>}
        {shown.error ? <ErrorState error={shown.error} onRetry={() => void shown.refetch()} /> : shown.data ? <div className={styles["keptValue"]}><TextLines text={pretty(shown.data.value)} label="Value" /></div> : <Loading />}
      </Pane>
    </>
  );
}

/** Without what the kind says already. */
export const brief = ({ reason }: Pick<QuarantinedRecord, "reason">) => reason.replace(/^blocked by the tracking plan "[^"]*" \(version \d+\): /, "");

/** Indented where it is JSON. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
