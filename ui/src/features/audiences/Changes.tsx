import { useMemo, useState } from "react";
import type { MembershipChange } from "@/bindings";
import { call, useCall, useRevision } from "@/platform";
import { Badge } from "@/shared/controls";
import { dateTime } from "@/shared/format";
import { EmptyState } from "@/shared/layout";
import { navigate, path } from "@/shared/router";
import { Table, type Column, type WindowSource } from "@/shared/table";

const COLUMNS: readonly Column<MembershipChange>[] = [
  { id: "at", title: "time", width: 170, mono: true, tone: "mute", cell: (row) => dateTime(row.at_ms) },
  { id: "change", title: "change", width: 100, cell: (row) => <Badge tone={row.entered ? "ok" : "error"}>{row.entered ? "ENTERED" : "EXITED"}</Badge> },
  { id: "name", title: "profile", width: 220, grow: true, mono: true, tone: "info", cell: (row) => row.name },
];

/** Who entered and exited, newest first, as it happens. */
export function Changes({ name }: { name: string }) {
  const [revision, setRevision] = useState(0);
  useRevision("memberships", ({ revision: next }) => setRevision(next));
  const first = useCall("audience_changes", { name, offset: 0, limit: 1 }, { topic: "memberships", keep: true });
  const total = first.data?.total ?? 0;
  const source = useMemo<WindowSource<MembershipChange>>(
    () => ({ id: name, revision, total, rows: (offset, limit) => call("audience_changes", { name, offset, limit }).then((page) => page.changes) }),
    [name, revision, total],
  );
  return (
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
      empty={<EmptyState title="Nobody entered or exited yet">Changes appear here as events arrive.</EmptyState>}
    />
  );
}
