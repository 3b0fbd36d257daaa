/** Profiles: found by any identifier, and one of them whole. */

import { useMemo, useState } from "react";
import type { ProfileSummary } from "@/bindings";
import { call, useCall, useRevision } from "@/platform";
import { SearchInput } from "@/shared/controls";
import { ago, compact, count, number, UNKNOWN } from "@/shared/format";
import { useNow } from "@/shared/frame";
import { Bar, EmptyState, Screen, Split } from "@/shared/layout";
import { navigate, path, useQueryParam, useRoute } from "@/shared/router";
import { Table, type Column, type WindowSource } from "@/shared/table";
import { Profile } from "./Profile";
import { Suppressed } from "./Suppressed";

export default function Profiles() {
  const [text, setText] = useQueryParam("search");
  const [, id] = useRoute().segments;
  const now = useNow();
  const [revision, setRevision] = useState(0);
  useRevision("events", ({ revision: next }) => setRevision(next));
  const first = useCall("profile_search", { text, offset: 0, limit: 1 }, { topic: "events", keep: true });
  const total = first.data?.total ?? 0;
  const source = useMemo<WindowSource<ProfileSummary>>(
    () => ({ id: text, revision, total, rows: (offset, limit) => call("profile_search", { text, offset, limit }).then((page) => page.profiles) }),
    [text, revision, total],
  );
  const columns = useMemo<readonly Column<ProfileSummary>[]>(
    () => [
      { id: "name", title: "profile", width: 130, grow: true, mono: true, tone: "info", cell: (row) => row.name },
      { id: "email", title: "email", width: 160, grow: true, cell: (row) => row.email ?? <span className="faint">{UNKNOWN}</span> },
      { id: "events", title: "events", width: 80, align: "right", mono: true, cell: (row) => number(row.events) },
      { id: "last", title: "last seen", width: 100, align: "right", tone: "mute", cell: (row) => ago(row.last_seen_ms, now) },
      { id: "first", title: "first seen", width: 110, align: "right", tone: "mute", cell: (row) => ago(row.first_seen_ms, now) },
    ],
    [now],
  );
  const open = id === undefined ? null : Number(id);
  return (
    <Screen testId="screen-profiles">
      <Bar
        title="Profiles"
        sub={first.data && (text ? `${count(total, "profile")} found` : `${compact(total)} profiles, last seen first`)}
        actions={<><Suppressed /><SearchInput label="Search by any identifier" value={text} onChange={setText} width={300} /></>}
      />
      <Split
        id="profile"
        initial={420}
        min={320}
        first={
          <Table
            id="profiles"
            label="Profiles"
            columns={columns}
            rowKey={(row) => String(row.profile_id)}
            source={source}
            selectedKey={id ?? null}
            onSelect={(row) => navigate(path("profiles", String(row.profile_id), { search: text }), { replace: id !== undefined })}
            loading={first.isPending}
            error={first.error}
            onRetry={() => void first.refetch()}
            empty={<EmptyState title={text ? `Nobody is known as “${text}”` : "No profile yet"}>{text ? "Search by the beginning of a user id, an email or an anonymous id." : "Profiles appear as a source collects events that name a person."}</EmptyState>}
          />
        }
        second={open === null ? null : <Profile key={open} id={open} now={now} onGone={() => navigate(path("profiles", { search: text }), { replace: true })} />}
      />
    </Screen>
  );
}
