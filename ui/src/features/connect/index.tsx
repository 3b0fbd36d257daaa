/** Kafka Connect of the chosen cluster: connectors, their tasks, why one failed, and what can be done about it. */

import { useMemo, useState } from "react";
import type { ConnectorAct, ConnectorSummary } from "@/bindings";
import { useCall } from "@/platform";
import { ClusterTag } from "@/shared/ClusterTag";
import { Badge, Button, SearchInput } from "@/shared/controls";
import { count } from "@/shared/format";
import { Bar, EmptyState, ErrorNote, Screen, Split } from "@/shared/layout";
import { navigate, path, useQueryParam, useRoute } from "@/shared/router";
import { chooseCluster, useCluster } from "@/shared/session";
import { Table, type Column } from "@/shared/table";
import { Detail } from "./Detail";
import { shortClass, StateBadge, taskCounts } from "./state";

/** Connect does not say that something changed: it is asked. */
const EVERY_MS = 5_000;
const SEVERITY: Readonly<Record<string, number>> = { FAILED: 0, UNASSIGNED: 1, RESTARTING: 2, PAUSED: 3, STOPPED: 4, RUNNING: 5 };

const worst = (row: ConnectorSummary) => Math.min(...[row.state, ...row.tasks.map((task) => task.state)].map((state) => SEVERITY[state ?? ""] ?? 2));

const COLUMNS: readonly Column<ConnectorSummary>[] = [
  { id: "name", title: "connector", width: 170, grow: true, cell: (row) => <span title={row.name}>{row.name}</span>, sortBy: (row) => row.name },
  { id: "state", title: "state", width: 112, cell: (row) => <StateBadge state={row.state} />, sortBy: worst },
  { id: "tasks", title: "tasks", width: 132, cell: (row) => <span className={row.tasks.some((task) => task.state === "FAILED") ? "bad" : undefined}>{taskCounts(row)}</span>, sortBy: (row) => row.tasks.length },
  { id: "kind", title: "kind", width: 64, tone: "mute", cell: (row) => row.kind, sortBy: (row) => row.kind },
  { id: "class", title: "class", width: 160, tone: "mute", cell: (row) => <span title={row.class}>{shortClass(row.class)}</span>, sortBy: (row) => shortClass(row.class) },
  { id: "connect", title: "connect", width: 76, tone: "mute", cell: (row) => row.connect, sortBy: (row) => row.connect },
];

export default function Connect() {
  const [, clusterInPath, connect, connector] = useRoute().segments;
  const chosen = useCluster();
  const cluster = clusterInPath ?? chosen;
  const [text, setText] = useQueryParam("search");
  const [asked, setAsked] = useState<ConnectorAct | null>(null);
  const overview = useCall("connect_list", { cluster }, { enabled: cluster !== "", everyMs: EVERY_MS });
  const clusters = useCall("cluster_list", {}, { topic: "definitions" });
  const readOnly = clusters.data?.find(({ name }) => name === cluster)?.read_only ?? false;
  const rows = useMemo(() => overview.data?.connects.flatMap((each) => each.connectors), [overview.data]);
  const shown = useMemo(() => rows?.filter((row) => `${row.name} ${row.class} ${row.connect}`.toLowerCase().includes(text.toLowerCase())), [rows, text]);
  const failed = rows?.filter((row) => worst(row) === 0).length ?? 0;
  const none = overview.data?.connects.length === 0;
  const open = connect !== undefined && connector !== undefined;
  return (
    <Screen testId="screen-connect">
      <Bar
        title="Kafka Connect"
        badge={<><ClusterTag cluster={cluster} />{failed > 0 && <Badge tone="error">{`${failed} FAILED`}</Badge>}</>}
        sub={rows && `${count(rows.length, "connector")}${overview.data?.connects.map((each) => (each.version === null ? "" : ` · ${each.name} ${each.version}`)).join("") ?? ""}`}
        actions={<SearchInput label="Search connectors" value={text} onChange={setText} />}
      />
      {overview.data?.connects.map((each) => each.error && <div key={each.name} style={{ padding: "8px var(--gutter)" }}><ErrorNote error={each.error} /></div>)}
      <Split
        id="connector"
        initial={520}
        first={
          <Table
            id="connectors"
            label={`Connectors of ${cluster}`}
            columns={COLUMNS}
            rowKey={(row) => `${row.connect}/${row.name}`}
            rows={shown}
            selectedKey={open ? `${connect}/${connector}` : null}
            onSelect={(row) => {
              if (cluster !== chosen) chooseCluster(cluster);
              navigate(path("connect", cluster, row.connect, row.name, { search: text }), { replace: open });
            }}
            initialSort={{ column: "state", descending: false }}
            loading={overview.isPending}
            error={overview.error}
            onRetry={() => void overview.refetch()}
            errorActions={<Button onClick={() => navigate(path("clusters", cluster))} testId="error-cluster">Look at the cluster</Button>}
            empty={
              text
                ? <EmptyState title={`No connector has “${text}” in its name or class`}>Clear the search.</EmptyState>
                : none
                  ? <EmptyState title={`${cluster} names no Kafka Connect`}>{`Add [connect.main] with url = "http://HOST:8083" to clusters/${cluster}.toml. Its connectors appear here as soon as the file is saved.`}</EmptyState>
                  : <EmptyState title="There are no connectors">They appear here once they are created on a worker.</EmptyState>
            }
          />
        }
        second={open ? <Detail key={`${cluster}/${connect}/${connector}`} cluster={cluster} connect={connect} connector={connector} readOnly={readOnly} asked={asked} onAsk={setAsked} /> : null}
      />
    </Screen>
  );
}
