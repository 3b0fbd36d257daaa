/** What identify events said of a person's traits: each time that a value changed. */

import { useMemo, useState } from "react";
import type { TraitChange } from "@/bindings";
import { useCall } from "@/platform";
import { SearchInput } from "@/shared/controls";
import { dateTime } from "@/shared/format";
import { EmptyState } from "@/shared/layout";
import { Table, type Column } from "@/shared/table";
import styles from "./profiles.module.css";

const COLUMNS: readonly Column<TraitChange>[] = [
  { id: "time", title: "time", width: 168, mono: true, tone: "mute", cell: (row) => dateTime(row.timestamp_ms), sortBy: (row) => row.timestamp_ms },
  { id: "trait", title: "trait", width: 130, grow: true, cell: (row) => row.name, sortBy: (row) => row.name },
  { id: "value", title: "became", width: 180, grow: true, mono: true, cell: (row) => row.value, sortBy: (row) => row.value },
  { id: "event", title: "by event", width: 130, mono: true, tone: "mute", cell: (row) => row.message_id, sortBy: (row) => row.message_id },
];

export function History({ id }: { id: number }) {
  const [text, setText] = useState("");
  const history = useCall("trait_history", { profile_id: id }, { topic: "events" });
  const changes = history.data?.changes;
  const shown = useMemo(() => changes?.filter((row) => `${row.name} ${row.value}`.toLowerCase().includes(text.toLowerCase())) ?? [], [changes, text]);
  return (
    <>
      <div className={styles["find"]}>
        <SearchInput label="Search these changes" value={text} onChange={setText} width={260} testId="trait-history-search" />
        {history.data?.cut === true && <span className="warn">older changes are not here</span>}
      </div>
      <Table
        id="trait-history"
        label="Changes of traits, newest first"
        columns={COLUMNS}
        rowKey={(row) => `${row.message_id} ${row.name}`}
        rows={shown}
        loading={history.isPending}
        error={history.error}
        onRetry={() => void history.refetch()}
        empty={<EmptyState title={text ? `Nothing has “${text}”` : "No trait was ever said"}>{text ? "Clear the search." : "Traits come with identify events."}</EmptyState>}
      />
    </>
  );
}
