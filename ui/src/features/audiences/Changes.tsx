import { useMemo, useState } from "react";
import type { MembershipChange } from "@/bindings";
import { call, useCall, useRevision } from "@/platform";
import { Badge, SearchInput } from "@/shared/controls";
import { dateTime } from "@/shared/format";
import { EmptyState } from "@/shared/layout";
import { navigate, path, useQueryParam } from "@/shared/router";
import { Table, type Column, type WindowSource } from "@/shared/table";
import styles from "./audiences.module.css";

const COLUMNS: readonly Column<MembershipChange>[] = [
  { id: "at", title: "time", width: 170, mono: true, tone: "mute", cell: (row) => dateTime(row.at_ms) },
  { id: "change", title: "change", width: 100, cell: (row) => <Badge tone={row.entered ? "ok" : "error"}>{row.entered ? "ENTERED" : "EXITED"}</Badge> },
  { id: "name", title: "profile", width: 260, mono: true, tone: "info", cell: (row) => row.name },
];

/** Who entered and exited, newest first, as it happens. */
export function Changes({ name }: { name: string }) {
  const [text, setText] = useQueryParam("search");
  const [revision, setRevision] = useState(0);
  useRevision("memberships", ({ revision: next }) => setRevision(next));
  const first = useCall("audience_changes", { name, text, offset: 0, limit: 1 }, { topic: "memberships", keep: true });
  const total = first.data?.total ?? 0;
  const source = useMemo<WindowSource<MembershipChange>>(
    () => ({ id: `${name} ${text}`, revision, total, rows: (offset, limit) => call("audience_changes", { name, text, offset, limit }).then((page) => page.changes) }),
    [name, text, revision, total],
  );
  return (
    <div className={styles["searched"]}>
      <div className={styles["find"]}><SearchInput label="Search by name" value={text} onChange={setText} width={260} testId="changes-search" /></div>
      <Table
        id="changes"
        label={`Who entered and exited ${name}`}
        columns={COLUMNS}
        rowKey={(row) => `${row.profile_id}-${row.at_ms}-${row.entered}`}
        source={source}
        onOpen={(row) => navigate(path("audiences", name, { tab: "members", explain: row.profile_id }))}
        loading={first.isPending}
        error={first.error}
        onRetry={() => void first.refetch()}
        empty={text ? <EmptyState title={`Nobody whose name has “${text}” entered or exited`}>Clear the search to see everybody.</EmptyState> : <EmptyState title="Nobody entered or exited yet">Changes appear here as events arrive.</EmptyState>}
      />
    </div>
  );
}
