import { useMemo, useState } from "react";
import type { Member } from "@/bindings";
import { call, useCall, useRevision } from "@/platform";
import { dateTime } from "@/shared/format";
import { EmptyState, Split } from "@/shared/layout";
import { useQueryParam } from "@/shared/router";
import { Table, type Column, type WindowSource } from "@/shared/table";
import { Explain } from "./Explain";

const COLUMNS: readonly Column<Member>[] = [
  { id: "name", title: "profile", width: 220, grow: true, mono: true, tone: "info", cell: (row) => row.name },
  { id: "since", title: "member since", width: 180, mono: true, tone: "mute", cell: (row) => dateTime(row.since_ms) },
];

export function Members({ name }: { name: string }) {
  const [explain, setExplain] = useQueryParam("explain");
  const [revision, setRevision] = useState(0);
  useRevision("memberships", ({ revision: next }) => setRevision(next));
  const first = useCall("audience_members", { name, offset: 0, limit: 1 }, { topic: "memberships", keep: true });
  const total = first.data?.total ?? 0;
  const source = useMemo<WindowSource<Member>>(
    () => ({ id: name, revision, total, rows: (offset, limit) => call("audience_members", { name, offset, limit }).then((page) => page.members) }),
    [name, revision, total],
  );
  return (
    <Split
      id="member"
      initial={460}
      first={<Table id="members-table" label={`Members of ${name}`} columns={COLUMNS} rowKey={(row) => String(row.profile_id)} source={source} selectedKey={explain || null} onSelect={(row) => setExplain(String(row.profile_id))} loading={first.isPending} error={first.error} onRetry={() => void first.refetch()} empty={<EmptyState title="Nobody is in this audience">Look at the size of each condition on the Definition tab: the smallest one decides.</EmptyState>} />}
      second={explain ? <Explain key={explain} name={name} profileId={Number(explain)} onClose={() => setExplain("")} /> : null}
    />
  );
}
