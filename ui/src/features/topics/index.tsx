/** Topics of the chosen cluster, and one topic: its records live, its partitions, who reads it. */

import { useEffect } from "react";
import { useRoute } from "@/shared/router";
import { chooseCluster, useCluster } from "@/shared/session";
import { TopicList } from "./TopicList";
import { TopicScreen } from "./TopicScreen";

export default function Topics() {
  const [, cluster, topic] = useRoute().segments;
  const chosen = useCluster();
  // A link names its cluster: opening it chooses that one.
  useEffect(() => {
    if (cluster !== undefined && cluster !== chosen) chooseCluster(cluster);
  }, [cluster, chosen]);
  if (cluster !== undefined && topic !== undefined) return <TopicScreen key={`${cluster}/${topic}`} cluster={cluster} topic={topic} />;
  return <TopicList cluster={cluster ?? chosen} />;
}
