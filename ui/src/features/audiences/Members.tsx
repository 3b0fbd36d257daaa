import { useMemo, useState } from "react";
import type { Member } from "@/bindings";
import { call, useCall, useRevision } from "@/platform";
import { SearchInput } from "@/shared/controls";
import { dateTime } from "@/shared/format";
import { EmptyState, Split } from "@/shared/layout";
import { useQueryParam } from "@/shared/router";
import { Table, type Column, type WindowSource } from "@/shared/table";
import styles from "./audiences.module.css";
import { Explain } from "./Explain";

const COLUMNS: readonly Column<Member>[] = [
  { id: "name", title: "profile", width: 260, mono: true, tone: "info", cell: (row) => row.name },
  { id: "since", title: "member since", width: 180, mono: true, tone: "mute", cell: (row) => dateTime(row.since_ms) },
];

export function Members({ name }: { name: string }) {
  const [explain, setExplain] = useQueryParam("explain");
  const [text, setText] = useQueryParam("search");
  const [revision, setRevision] = useState(0);
  useRevision("memberships", ({ revision: next }) => setRevision(next));
  const first = useCall("audience_members", { name, text, offset: 0, limit: 1 }, { topic: "memberships", keep: true });
  const total = first.data?.total ?? 0;
  const source = useMemo<WindowSource<Member>>(
    () => ({ id: `${name} ${text}`, revision, total, rows: (offset, limit) => call("audience_members", { name, text, offset, limit }).then((page) => page.members) }),
    [name, text, revision, total],
  );
  return (
    <Split
      id="member"
      initial={460}
      first={<div className={styles["searched"]}><div className={styles["find"]}><SearchInput label="Search by name" value={text} onChange={setText} width={260} testId="members-search" /></div><Table id="members-table" label={`Members of ${name}`} columns={COLUMNS} rowKey={(row) => String(row.profile_id)} source={source} selectedKey={explain || null} onSelect={(row) => setExplain(String(row.profile_id))} loading={first.isPending} error={first.error} onRetry={() => void first.refetch()} empty={text ? <EmptyState title={`No member’s name has “${text}”`}>Clear the search, or search all profiles: somebody may be no member.</EmptyState> : <EmptyState title="Nobody is in this audience">Look at the size of each condition on the Definition tab: the smallest one decides.</EmptyState>} /></div>}
      second={explain ? <Explain key={explain} name={name} profileId={Number(explain)} onClose={() => setExplain("")} /> : null}
    />
  );
}
