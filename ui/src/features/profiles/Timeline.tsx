/** What a person did, newest first, a page after the other as it is scrolled for. */

import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { EventCursor, ProfileEvent } from "@/bindings";
import { call } from "@/platform";
import { Button, SearchInput } from "@/shared/controls";
import { count, dateTime } from "@/shared/format";
import { EmptyState, ErrorState, Loading, Pane, Split } from "@/shared/layout";
import { JsonTree } from "@/shared/JsonTree";
import { Table, type Column } from "@/shared/table";
import styles from "./profiles.module.css";

const PAGE = 200;

const COLUMNS: readonly Column<ProfileEvent>[] = [
  { id: "time", title: "time", width: 168, mono: true, tone: "mute", cell: (row) => dateTime(row.timestamp_ms), sortBy: (row) => row.timestamp_ms },
  { id: "kind", title: "type", width: 70, tone: "mute", cell: (row) => row.kind, sortBy: (row) => row.kind },
  { id: "event", title: "event", width: 140, grow: true, cell: (row) => row.event, sortBy: (row) => row.event },
  { id: "source", title: "source", width: 90, tone: "mute", cell: (row) => row.source, sortBy: (row) => row.source },
];

export function Timeline({ id, events }: { id: number; events: number }) {
  const [open, setOpen] = useState<ProfileEvent | null>(null);
  const [text, setText] = useState("");
  const pages = useInfiniteQuery({
    // Asked anew when there are more events than before.
    queryKey: ["profile_events", id, events],
    initialPageParam: null as EventCursor | null,
    queryFn: ({ pageParam }) => call("profile_events", { profile_id: id, cursor: pageParam, limit: PAGE }),
    getNextPageParam: (page) => page.next,
    placeholderData: (before) => before,
  });
  const read = useMemo(() => pages.data?.pages.flatMap((page) => page.events) ?? [], [pages.data]);
  const shown = useMemo(() => read.filter((row) => `${row.kind} ${row.event} ${row.source} ${row.properties}`.toLowerCase().includes(text.toLowerCase())), [read, text]);
  if (pages.error) return <ErrorState error={pages.error} onRetry={() => void pages.refetch()} />;
  if (!pages.data) return <Loading />;
  const all = pages.hasNextPage ? `the newest ${count(read.length, "event")}` : `all ${count(read.length, "event")}`;
  return (
    <>
      <div className={styles["find"]}>
        <SearchInput label="Search these events" value={text} onChange={setText} width={260} testId="profile-events-search" />
        <span className="mute">{all}</span>
        {pages.hasNextPage && <Button disabled={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()} testId="profile-events-more">{pages.isFetchingNextPage ? "Reading…" : `${PAGE} more`}</Button>}
      </div>
      <Split
        id="profile-event"
        direction="rows"
        initial={240}
        min={100}
        first={<Table id="profile-events" label="Events, newest first" columns={COLUMNS} rowKey={(row) => row.message_id} rows={shown} selectedKey={open?.message_id ?? null} onSelect={setOpen} empty={text ? <EmptyState title={`No event has “${text}”`}>Clear the search{pages.hasNextPage ? ", or read older events: only those that were read are searched." : "."}</EmptyState> : <EmptyState title="No events">They appear here as sources collect them.</EmptyState>} />}
        second={open && <Pane><JsonTree text={open.properties} label={`Properties of ${open.event}`} /></Pane>}
      />
    </>
  );
}
