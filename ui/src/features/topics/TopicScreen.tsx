import { useState, type ReactNode } from "react";
import { useCall } from "@/platform";
import type { PartitionDetail } from "@/bindings";
import { Badge, SearchInput, Switch } from "@/shared/controls";
import { bytes, count, number, perSecondNumber } from "@/shared/format";
import { Bar, Screen, Tabs } from "@/shared/layout";
import { Link, path, useQueryParam, useSetQuery } from "@/shared/router";
import { Actions } from "./changes/Actions";
import { Compare } from "./Compare";
import { Configuration, useTopicConfig } from "./Configuration";
import { TopicGroups } from "./TopicGroups";
import { Partitions } from "./Partitions";
import { Records } from "./Records";
import { WriteActions } from "./write";

/** Asked this often while the topic is looked at: rates come from where the ends were then. */
const EVERY_MS = 5_000;
const SEARCHES = { partitions: "Search partitions and brokers", config: "Search settings", groups: "Search groups", compare: "Search what is compared" } as const;

interface TopicProps {
  cluster: string;
  topic: string;
}

export function TopicScreen({ cluster, topic }: TopicProps) {
  const [tab] = useQueryParam("tab", "records");
  const [text, setText] = useQueryParam("search");
  const setQuery = useSetQuery();
  // What was searched for in one list is not what is searched for in another.
  const setTab = (next: string) => setQuery({ tab: next === "records" ? "" : next, search: "" });
  const detail = useCall("topic_show", { cluster, topic }, { everyMs: EVERY_MS, keep: true });
  const partitions = detail.data?.partitions;
  const records = partitions?.every((each) => each.start !== null && each.end !== null) ? partitions.reduce((sum, each) => sum + (each.end ?? 0) - (each.start ?? 0), 0) : null;
  // Records stay as they are while another tab is looked at.
  const [seen, setSeen] = useState(tab === "records");
  if (tab === "records" && !seen) setSeen(true);
  const sum = (of: (each: PartitionDetail) => number | null) => partitions?.reduce<number | null>((total, each) => { const one = of(each); return total === null || one === null ? null : total + one; }, 0) ?? null;
  const [changed, setChanged] = useState(false);
  const config = useTopicConfig(cluster, topic, tab !== "records");
  const ownSettings = config.data?.filter((entry) => entry.source === "topic").length;
  const behind = partitions?.filter((each) => each.in_sync.length < each.replicas.length).length ?? 0;
  return (
    <Screen testId="screen-topic">
      <Bar
        title={<><Link to={path("topics")} className="mute" aria-label="All topics">Topics</Link><span className="faint"> / </span><span title={topic}>{topic}</span></>}
        badge={behind > 0 && <Badge tone="warning" testId="topic-behind">{`${behind} NOT IN SYNC`}</Badge>}
        sub={partitions && <span title={`${bytes(sum((each) => each.bytes_on_disk))} on disk with all copies`}>{`${count(partitions.length, "partition")} · ${number(records)} records · ${bytes(sum((each) => each.bytes))} · ${perSecondNumber(sum((each) => each.in_per_second))} /s`}</span>}
        actions={
          <>
            {tab === "config" && <Switch label="Only changed" checked={changed} onChange={setChanged} testId="config-changed" />}
            {tab in SEARCHES && <SearchInput label={SEARCHES[tab as keyof typeof SEARCHES]} value={text} onChange={setText} />}
            <WriteActions cluster={cluster} topic={topic} />
            {detail.data && <Actions cluster={cluster} detail={detail.data} />}
          </>
        }
      />
      <Tabs
        label={topic}
        value={tab}
        onChange={setTab}
        tabs={[
          { id: "records", label: "Records" }, { id: "partitions", label: "Partitions", note: partitions && number(partitions.length) },
          { id: "config", label: "Configuration", note: ownSettings === undefined ? undefined : ownSettings > 0 ? `${ownSettings} set` : undefined },
          { id: "groups", label: "Groups" }, { id: "compare", label: "Compare" },
        ]}
      >
        {seen && <Kept shown={tab === "records"}><Records cluster={cluster} topic={topic} partitions={partitions} shown={tab === "records"} /></Kept>}
        {tab === "partitions" && <Partitions detail={detail.data} text={text} error={detail.error} onRetry={() => void detail.refetch()} />}
        {tab === "config" && <Configuration cluster={cluster} topic={topic} text={text} changed={changed} />}
        {tab === "groups" && <TopicGroups cluster={cluster} topic={topic} text={text} />}
        {tab === "compare" && <Compare cluster={cluster} topic={topic} text={text} />}
      </Tabs>
    </Screen>
  );
}

function Kept({ shown, children }: { shown: boolean; children: ReactNode }) {
  return <div style={shown ? { display: "contents" } : { display: "none" }}>{children}</div>;
}
