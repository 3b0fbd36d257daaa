/** Profiles: found by any identifier, and one of them whole. */

import { useMemo, useState, type ReactNode } from "react";
import type { ProfileDetail, ProfileEvent, ProfileSummary, TraitValue } from "@/bindings";
import { call, useCall, useRevision } from "@/platform";
import { Age } from "@/shared/Age";
import { Badge, SearchInput } from "@/shared/controls";
import { ago, compact, count, dateTime, number, UNKNOWN } from "@/shared/format";
import { useNow } from "@/shared/frame";
import { JsonTree } from "@/shared/JsonTree";
import { Bar, EmptyState, ErrorState, Heading, Loading, Pane, Screen, Split, Tabs } from "@/shared/layout";
import { Link, navigate, path, useQueryParam, useRoute } from "@/shared/router";
import { Table, type Column, type WindowSource } from "@/shared/table";
import styles from "./profiles.module.css";

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
      <Bar title="Profiles" sub={first.data && (text ? `${count(total, "profile")} found` : `${compact(total)} profiles, last seen first`)} actions={<SearchInput label="Search by any identifier" value={text} onChange={setText} width={300} />} />
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
        second={open === null ? null : <Profile key={open} id={open} now={now} />}
      />
    </Screen>
  );
}

/** Audiences and computed traits change without an event, as windows move on. */
const PROFILE_EVERY_MS = 5000;

function Profile({ id, now }: { id: number; now: number }) {
  const profile = useCall("profile_show", { profile_id: id }, { topic: "events", everyMs: PROFILE_EVERY_MS });
  const [tab, setTab] = useState("facts");
  const { data } = profile;
  if (profile.error) return <ErrorState error={profile.error} onRetry={() => void profile.refetch()} />;
  if (!data) return <Loading />;
  return (
    <div className={styles["profile"]} data-testid="profile">
      <Bar level={2} title={<span className="mono">{data.summary.name}</span>} sub={<>{count(data.summary.events, "event")} · last seen {ago(data.summary.last_seen_ms, now)} · <span className="faint"><Age atMs={profile.dataUpdatedAt} what="read" testId="profile-age" /></span></>} />
      <Tabs label="Profile" value={tab} onChange={setTab} testId="profile-tabs" tabs={[{ id: "facts", label: "Profile" }, { id: "events", label: "Events", note: number(data.events.length) }]}>
        {tab === "facts" ? <Known profile={data} /> : <Events events={data.events} />}
      </Tabs>
    </div>
  );
}

function Known({ profile }: { profile: ProfileDetail }) {
  return (
    <Pane>
      <Section title="Audiences" empty="A member of none." items={profile.audiences.map((each) => [<Link key="name" className="info" to={path("audiences", each.audience, { explain: profile.summary.profile_id })}>{each.audience}</Link>, <span key="since" className="mute">since {dateTime(each.since_ms)}</span>])} />
      <Section title="Traits" empty="None known." items={onceEach(profile.traits).map((trait) => [trait.name, <span key="value" className="mono">{trait.value ?? <span className="faint">null</span>}</span>, <Badge key="origin">{trait.origin}</Badge>])} />
      <Section title="Identifiers" empty="None." items={profile.identifiers.map((each) => [each.kind, <span key="value" className="mono info">{each.value}</span>])} />
      {profile.merges.length > 0 && <Section title="Merged profiles" empty="" items={profile.merges.map((merge) => [`#${merge.merged_profile_id}`, <span key="why"><span className="mono">{merge.evidence}</span><br /><span className="mute">{dateTime(merge.merged_ms)}</span></span>])} />}
    </Pane>
  );
}

/** Segment's column `traits_email` holds what `email` says: where both are the same it is said once. */
export function onceEach(traits: readonly TraitValue[]): readonly TraitValue[] {
  const values = new Map(traits.map(({ name, value }) => [name, value]));
  return traits.filter(({ name, value }) => {
    const plain = name.startsWith("traits_") ? name.slice("traits_".length) : null;
    return plain === null || values.get(plain) !== value;
  });
}

function Section({ title, items, empty }: { title: string; items: readonly (readonly ReactNode[])[]; empty: string }) {
  return (
    <section className={styles["section"]}>
      <Heading>{title}</Heading>
      {items.length === 0 && <p className="mute">{empty}</p>}
      {items.map(([name, value, note], index) => <div key={index} className={styles["line"]} data-selectable=""><span>{name}</span>{value}{note !== undefined && <span>{note}</span>}</div>)}
    </section>
  );
}

const EVENTS: readonly Column<ProfileEvent>[] = [
  { id: "time", title: "time", width: 168, mono: true, tone: "mute", cell: (row) => dateTime(row.timestamp_ms), sortBy: (row) => row.timestamp_ms },
  { id: "kind", title: "type", width: 70, tone: "mute", cell: (row) => row.kind, sortBy: (row) => row.kind },
  { id: "event", title: "event", width: 140, grow: true, cell: (row) => row.event, sortBy: (row) => row.event },
];

function Events({ events }: { events: readonly ProfileEvent[] }) {
  const [open, setOpen] = useState<ProfileEvent | null>(null);
  const [text, setText] = useState("");
  const shown = useMemo(() => events.filter((row) => `${row.kind} ${row.event} ${row.properties}`.toLowerCase().includes(text.toLowerCase())), [events, text]);
  return (
    <>
      <div className={styles["find"]}><SearchInput label="Search these events" value={text} onChange={setText} width={260} testId="profile-events-search" /></div>
      <Split
        id="profile-event"
        direction="rows"
        initial={240}
        min={100}
        first={<Table id="profile-events" label="Events, newest first" columns={EVENTS} rowKey={(row) => row.message_id} rows={shown} selectedKey={open?.message_id ?? null} onSelect={setOpen} empty={text ? <EmptyState title={`No event has “${text}”`}>Clear the search. The newest hundred events are searched here; all of them by SQL.</EmptyState> : <EmptyState title="No events">They appear here as sources collect them.</EmptyState>} />}
        second={open && <Pane><JsonTree text={open.properties} label={`Properties of ${open.event}`} /></Pane>}
      />
    </>
  );
}
