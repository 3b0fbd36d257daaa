/** Clusters of the workspace: what answers, and where a connection breaks. */

import { useMemo, useState } from "react";
import type { ClusterSummary } from "@/bindings";
import { call, useAction, useCall } from "@/platform";
import { Badge, Button, Dot, SearchInput } from "@/shared/controls";
import { count, duration, number } from "@/shared/format";
import { Bar, EmptyState, ErrorNote, ErrorState, Facts, Loading, Pane, Screen, Split } from "@/shared/layout";
import { navigate, path, useQueryParam, useRoute } from "@/shared/router";
import { chooseCluster, useCluster } from "@/shared/session";
import { toast } from "@/shared/overlay";
import { Table, type Column } from "@/shared/table";
import { ClusterForm } from "./ClusterForm";
import { draftOf, type Draft } from "./form";
import { useImport } from "./ImportFile";
import { Inside } from "./Inside";
import { Steps } from "./Steps";

export default function Clusters() {
  const clusters = useCall("cluster_list", {}, { topic: "definitions" });
  const chosen = useCluster();
  const [, named] = useRoute().segments;
  const [text, setText] = useQueryParam("search");
  const [form, setForm] = useState<Draft | "new" | null>(null);
  const imports = useImport();
  const open = clusters.data?.find((cluster) => cluster.name === (named ?? chosen));
  const columns = useMemo<readonly Column<ClusterSummary>[]>(
    () => [
      { id: "name", title: "cluster", width: 150, cell: (row) => <><Dot color={row.color} /> {row.name}</>, sortBy: (row) => row.name },
      { id: "kind", title: "kind", width: 78, tone: "mute", cell: (row) => row.kind, sortBy: (row) => row.kind },
      { id: "bootstrap", title: "bootstrap servers", width: 180, grow: true, mono: true, tone: "mute", cell: (row) => <span title={row.bootstrap ?? undefined}>{row.bootstrap ?? "—"}</span>, sortBy: (row) => row.bootstrap },
      { id: "mode", title: "mode", width: 104, cell: (row) => (row.read_only ? <Badge tone="warning">READ ONLY</Badge> : null), sortBy: (row) => Number(row.read_only) },
      { id: "current", title: "", name: "Current", width: 90, cell: (row) => (row.name === chosen ? <Badge tone="ok">CURRENT</Badge> : null) },
    ],
    [chosen],
  );
  const shown = useMemo(() => clusters.data?.filter((row) => `${row.name} ${row.bootstrap ?? ""}`.toLowerCase().includes(text.toLowerCase())), [clusters.data, text]);
  return (
    <Screen testId="screen-clusters">
      <Bar title="Clusters" sub={clusters.data && `${count(clusters.data.length, "cluster")} in this workspace`} actions={<><SearchInput label="Search clusters" value={text} onChange={setText} /><Button onClick={imports.open} testId="cluster-import">Import a file…</Button><Button kind="primary" onClick={() => setForm("new")} testId="cluster-add">Add a cluster</Button></>} />
      <Split
        id="cluster"
        initial={460}
        first={
          <Table
            id="clusters"
            label="Clusters"
            columns={columns}
            rowKey={(row) => row.name}
            rows={shown}
            selectedKey={open?.name ?? null}
            onSelect={(row) => navigate(path("clusters", row.name, { search: text }), { replace: named !== undefined })}
            initialSort={{ column: "name", descending: false }}
            loading={clusters.isPending}
            error={clusters.error}
            onRetry={() => void clusters.refetch()}
            empty={text ? <EmptyState title={`No cluster has “${text}” in its name or address`}>Clear the search.</EmptyState> : <EmptyState title="This workspace has no cluster" actions={<Button kind="primary" onClick={() => setForm("new")}>Add a cluster</Button>}>Add one here, drop a client.properties or a kcat.conf onto the window, or write clusters/NAME.toml.</EmptyState>}
          />
        }
        second={open ? <Overview key={open.name} cluster={open} current={open.name === chosen} onEdit={setForm} /> : null}
      />
      {form !== null && <ClusterForm {...(form !== "new" && { of: form })} onClose={() => setForm(null)} />}
      {imports.dialog}
    </Screen>
  );
}

function Overview({ cluster, current, onEdit }: { cluster: ClusterSummary; current: boolean; onEdit: (draft: Draft) => void }) {
  const overview = useCall("cluster_show", { cluster: cluster.name });
  const test = useAction("cluster_test");
  const edit = () =>
    call("cluster_definition", { cluster: cluster.name }).then(
      ({ name, definition }) => onEdit(draftOf(name, definition)),
      (failure: unknown) => toast.failed(`${cluster.name} can't be edited here`, failure),
    );
  return (
    <>
      <Bar
        level={2}
        title={cluster.name}
        badge={<><Dot color={cluster.color} />{cluster.read_only && <Badge tone="warning">READ ONLY</Badge>}</>}
        actions={
          <>
            {cluster.kind === "kafka" && <Button onClick={() => void edit()} testId="cluster-edit">Edit</Button>}
            <Button disabled={test.isPending} onClick={() => test.mutate({ cluster: cluster.name })} testId="cluster-test">{test.isPending ? "Testing…" : "Test the connection"}</Button>
            <Button disabled={current} onClick={() => chooseCluster(cluster.name)} testId="cluster-use">Use this cluster</Button>
          </>
        }
      />
      <Pane testId="cluster-overview">
        {test.error && <ErrorNote error={test.error} />}
        {test.data && <Steps test={test.data} onClose={test.reset} />}
        {overview.error ? (
          <ErrorState error={overview.error} onRetry={() => void overview.refetch()} />
        ) : !overview.data ? (
          <Loading label={`Asking ${cluster.name}`} />
        ) : (
          <>
            <Facts
              items={[
                ["cluster id", <span key="id" className="mono">{overview.data.cluster_id ?? "unknown"}</span>],
                ["topics", number(overview.data.topics)], ["partitions", number(overview.data.partitions)], ["groups", number(overview.data.groups)],
                ["answered in", duration(overview.data.took_ms)],
              ]}
            />
            <Inside cluster={cluster.name} />
          </>
        )}
      </Pane>
    </>
  );
}
