import { useState, type ReactNode } from "react";
import { useCall } from "@/platform";
import { count, number } from "@/shared/format";
import { SearchInput } from "@/shared/controls";
import { Bar, Screen, Tabs } from "@/shared/layout";
import { Link, path, useQueryParam } from "@/shared/router";
import { TopicGroups } from "./TopicGroups";
import { Partitions } from "./Partitions";
import { Records } from "./Records";
import { WriteActions } from "./write";

interface TopicProps {
  cluster: string;
  topic: string;
}

export function TopicScreen({ cluster, topic }: TopicProps) {
  const [tab, setTab] = useQueryParam("tab", "records");
  const [text, setText] = useQueryParam("search");
  const detail = useCall("topic_show", { cluster, topic }, { everyMs: 10_000 });
  const partitions = detail.data?.partitions;
  const records = partitions?.every((each) => each.start !== null && each.end !== null) ? partitions.reduce((sum, each) => sum + (each.end ?? 0) - (each.start ?? 0), 0) : null;
  // Records stay as they are while another tab is looked at.
  const [seen, setSeen] = useState(tab === "records");
  if (tab === "records" && !seen) setSeen(true);
  return (
    <Screen testId="screen-topic">
      <Bar
        title={<><Link to={path("topics")} className="mute" aria-label="All topics">Topics</Link><span className="faint"> / </span>{topic}</>}
        sub={partitions && `${count(partitions.length, "partition")} · ${number(records)} records`}
        actions={<><WriteActions cluster={cluster} topic={topic} />{tab === "groups" ? <SearchInput label="Search groups" value={text} onChange={setText} /> : tab === "partitions" ? <SearchInput label="Search partitions and brokers" value={text} onChange={setText} /> : undefined}</>}
      />
      <Tabs label={topic} value={tab} onChange={setTab} tabs={[{ id: "records", label: "Records" }, { id: "partitions", label: "Partitions", note: partitions && number(partitions.length) }, { id: "groups", label: "Groups" }]}>
        {seen && <Kept shown={tab === "records"}><Records cluster={cluster} topic={topic} partitions={partitions} shown={tab === "records"} /></Kept>}
        {tab === "partitions" && <Partitions detail={detail.data} text={text} error={detail.error} onRetry={() => void detail.refetch()} />}
        {tab === "groups" && <TopicGroups cluster={cluster} topic={topic} text={text} />}
      </Tabs>
    </Screen>
  );
}

function Kept({ shown, children }: { shown: boolean; children: ReactNode }) {
  return <div style={shown ? { display: "contents" } : { display: "none" }}>{children}</div>;
}
