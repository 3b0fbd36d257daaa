/** One profile, whole: what it is, what it did, what it was put together from. */

import { useMemo, useState, type ReactNode } from "react";
import type { ProfileDetail, TraitValue } from "@/bindings";
import { useCall } from "@/platform";
import { Age } from "@/shared/Age";
import { Badge } from "@/shared/controls";
import { ago, count, dateTime, number } from "@/shared/format";
import { Bar, ErrorState, Heading, Loading, Pane, Tabs } from "@/shared/layout";
import { Link, path } from "@/shared/router";
import { Actions } from "./Actions";
import { History } from "./History";
import { Identity } from "./Identity";
import styles from "./profiles.module.css";
import { Timeline } from "./Timeline";

/** Audiences and computed traits change without an event, as windows move on. */
const PROFILE_EVERY_MS = 5000;

export function Profile({ id, now, onGone }: { id: number; now: number; onGone: () => void }) {
  const profile = useCall("profile_show", { profile_id: id }, { topic: "events", everyMs: PROFILE_EVERY_MS });
  const [tab, setTab] = useState("facts");
  const { data } = profile;
  if (profile.error) return <ErrorState error={profile.error} onRetry={() => void profile.refetch()} />;
  if (!data) return <Loading />;
  const standing = data.merges.filter((merge) => merge.undone_ms === null).length;
  const tabs = [
    { id: "facts", label: "Profile" },
    { id: "events", label: "Events", note: number(data.summary.events) },
    { id: "identity", label: "Identity", note: standing === 0 ? "" : count(standing, "merge") },
    { id: "history", label: "Trait history" },
  ];
  return (
    <div className={styles["profile"]} data-testid="profile">
      <Bar
        level={2}
        title={<span className="mono">{data.summary.name}</span>}
        sub={<>{count(data.summary.events, "event")} · last seen {ago(data.summary.last_seen_ms, now)} · <span className="faint"><Age atMs={profile.dataUpdatedAt} what="read" testId="profile-age" /></span></>}
        actions={<Actions profile={data.summary} onGone={onGone} />}
      />
      <Tabs label="Profile" value={tab} onChange={setTab} testId="profile-tabs" tabs={tabs}>
        {tab === "facts" && <Known profile={data} />}
        {tab === "events" && <Timeline id={data.summary.profile_id} events={data.summary.events} />}
        {tab === "identity" && <Identity profile={data} />}
        {tab === "history" && <History id={data.summary.profile_id} />}
      </Tabs>
    </div>
  );
}

function Known({ profile }: { profile: ProfileDetail }) {
  const traits = useMemo(() => onceEach(profile.traits), [profile.traits]);
  return (
    <Pane>
      <Section title="Audiences" empty="A member of none." items={profile.audiences.map((each) => [<Link key="name" className="info" to={path("audiences", each.audience, { explain: profile.summary.profile_id })}>{each.audience}</Link>, <span key="since" className="mute">since {dateTime(each.since_ms)}</span>])} />
      <Section title="Traits" empty="None known." items={traits.map((trait) => [trait.name, <span key="value" className="mono">{trait.value ?? <span className="faint">null</span>}</span>, <Badge key="origin">{trait.origin}</Badge>])} />
      <Section title="Identifiers" empty="None." items={profile.identifiers.map((each) => [each.kind, <span key="value" className="mono info">{each.value}</span>, <span key="since" className="mute">{dateTime(each.first_seen_ms)}</span>])} />
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
