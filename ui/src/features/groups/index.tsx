/** Consumer groups and their lag, in records and in time. */

import { useMemo } from "react";
import { useCall } from "@/platform";
import { ClusterTag } from "@/shared/ClusterTag";
import { Button, Dot, SearchInput } from "@/shared/controls";
import { count, timeOfDay } from "@/shared/format";
import { Bar, EmptyState, Screen } from "@/shared/layout";
import { navigate, path, useQueryParam, useRoute } from "@/shared/router";
import { chooseCluster, useCluster } from "@/shared/session";
import { Status } from "@/shared/Status";
import { Table } from "@/shared/table";
import { AlertsButton } from "./Alerts";
import { GROUPS } from "./columns";
import { Detail } from "./Detail";

/** Above the screen of one of them. */
const ROWS_MAX = 6;

export default function Groups() {
  const [, clusterInPath, group] = useRoute().segments;
  const chosen = useCluster();
  const cluster = clusterInPath ?? chosen;
  const [text, setText] = useQueryParam("search");
  const groups = useCall("group_list", { cluster }, { enabled: cluster !== "", topic: "lag" });
  const shown = useMemo(() => groups.data?.filter((row) => row.group.toLowerCase().includes(text.toLowerCase())), [groups.data, text]);
  const failed = groups.data?.filter((row) => row.level === "err").length ?? 0;
  const warned = groups.data?.filter((row) => row.status === "warn").length ?? 0;
  const unjudged = groups.data?.filter((row) => row.status === "unknown").length ?? 0;
  const ill = failed > 0 || warned > 0;
  const health = ill ? `${failed} stopped, stalled or gone back · ${count(warned, "warning")}` : unjudged > 0 ? `${count(unjudged, "group")} not judged yet` : "every group keeps up";
  const sampled = groups.data?.[0]?.sampled_ms;
  return (
    <Screen testId="screen-groups">
      <Bar title="Consumer groups" badge={<ClusterTag cluster={cluster} />} sub={groups.data && count(groups.data.length, "group")} actions={<><AlertsButton cluster={cluster} group={group} /><SearchInput label="Search groups" value={text} onChange={setText} /></>} />
      <Table
        id="groups"
        label={`Consumer groups of ${cluster}`}
        columns={GROUPS}
        rowKey={(row) => row.group}
        rows={shown}
        selectedKey={group ?? null}
        onSelect={(row) => {
          if (cluster !== chosen) chooseCluster(cluster);
          navigate(path("groups", cluster, row.group, { search: text }), { replace: group !== undefined });
        }}
        initialSort={{ column: "status", descending: false }}
        {...(group !== undefined && { rowsMax: ROWS_MAX })}
        loading={groups.isPending}
        error={groups.error}
        onRetry={() => void groups.refetch()}
        errorActions={<Button onClick={() => navigate(path("clusters", cluster))} testId="error-cluster">Test the connection</Button>}
        empty={<EmptyState title={text ? `No group has “${text}” in its name` : `${cluster} has no consumer groups`}>{text ? "Clear the search." : "A group appears here once it has committed an offset."}</EmptyState>}
      />
      {group !== undefined && <Detail key={`${cluster}/${group}`} cluster={cluster} group={group} />}
      {groups.data && (
        <Status>
          <span data-testid="group-health"><Dot tone={failed > 0 ? "error" : warned > 0 ? "warning" : unjudged > 0 ? "neutral" : "ok"} />{health}</span>
          {sampled !== undefined && <span>sampled {timeOfDay(sampled)}</span>}
          <span>lag in time from record timestamps</span>
        </Status>
      )}
      {groups.data && <Status side="right"><span>history: a week at 10 s, a year at 10 min</span></Status>}
    </Screen>
  );
}
