import { useMemo, useState } from "react";
import type { MalformedRecord, SourceSummary } from "@/bindings";
import { useCall } from "@/platform";
import { Button, SearchInput } from "@/shared/controls";
import { ago, dateTime, number } from "@/shared/format";
import { useNow } from "@/shared/frame";
import { Bar, EmptyState } from "@/shared/layout";
import { navigate, path } from "@/shared/router";
import { isTopic } from "@/shared/sources";
import { Table, type Column } from "@/shared/table";

/** Records asked for at first, and with each "Load older". */
const PAGE = 500;
/** Records read before and after the one that is opened. */
const AROUND = 25;

/** What a source could not read, newest first. A record opens where it lies: in its topic, among its neighbours. */
export function Malformed({ source }: { source: SourceSummary }) {
  const [pages, setPages] = useState(1);
  const [text, setText] = useState("");
  const limit = pages * PAGE;
  const records = useCall("malformed_list", { name: source.name, offset: 0, limit }, { topic: "events", keep: true });
  const now = useNow(5000);
  const columns = useMemo<readonly Column<MalformedRecord>[]>(
    () => [
      { id: "seen", title: "seen", width: 104, tone: "mute", cell: (row) => <span title={dateTime(row.seen_ms)}>{ago(row.seen_ms, now)}</span>, sortBy: (row) => row.seen_ms },
      { id: "partition", title: "P", name: "Partition", width: 48, align: "right", mono: true, tone: "mute", cell: (row) => row.partition, sortBy: (row) => row.partition },
      { id: "offset", title: "offset", width: 108, align: "right", mono: true, cell: (row) => number(row.offset), sortBy: (row) => row.offset },
      { id: "reason", title: "why", width: 320, cell: (row) => <span title={row.reason}>{row.reason}</span>, sortBy: (row) => row.reason },
      { id: "value", title: "value", width: 200, grow: true, mono: true, tone: "mute", cell: (row) => <span title={row.value}>{row.value}</span> },
    ],
    [now],
  );
  const { data } = records;
  const shown = useMemo(() => data?.filter((row) => `${row.reason} ${row.value} ${row.offset}`.toLowerCase().includes(text.toLowerCase())), [data, text]);
  const more = data !== undefined && data.length === limit;
  const open = (row: MalformedRecord) =>
    navigate(path("topics", source.definition.cluster ?? "", row.topic, { from: "offset", at: Math.max(0, row.offset - AROUND), until: `${2 * AROUND + 1} records`, partitions: row.partition, record: `${row.partition}-${row.offset}` }));
  return (
    <>
      <Bar
        level={2}
        title="Malformed records"
        sub={data && (more ? `the newest ${number(data.length)} of ${number(source.malformed)}` : data.length < source.malformed ? `${number(data.length)} kept of ${number(source.malformed)}` : number(data.length))}
        actions={<>{more && <Button disabled={records.isFetching} onClick={() => setPages(pages + 1)} testId="malformed-more">Load older</Button>}<SearchInput label="Search reasons and values" value={text} onChange={setText} testId="malformed-search" /></>}
      />
      <Table
        id="malformed"
        label={`Malformed records of ${source.name}`}
        columns={columns}
        rowKey={(row) => `${row.topic}-${row.partition}-${row.offset}`}
        rows={shown}
        // What was posted lies in no topic.
        {...(isTopic(source.definition) && { openOnClick: true, onOpen: open })}
        initialSort={{ column: "seen", descending: true }}
        loading={records.isPending}
        error={records.error}
        onRetry={() => void records.refetch()}
        empty={text ? <EmptyState title={`No malformed record has “${text}”`}>Clear the search, or load older ones.</EmptyState> : <EmptyState title="Nothing is malformed">A record that is not an event is kept here with its reason; nothing is thrown away.</EmptyState>}
      />
    </>
  );
}
