/** The schema registry of the chosen cluster: subjects, their versions beside each other, what may follow them. */

import { useEffect, useMemo, useState } from "react";
import type { SubjectSummary } from "@/bindings";
import { useCall } from "@/platform";
import { ClusterTag } from "@/shared/ClusterTag";
import { Button, SearchInput } from "@/shared/controls";
import { count, number, UNKNOWN } from "@/shared/format";
import { toAppError } from "@/shared/errors";
import { Bar, EmptyState, Screen } from "@/shared/layout";
import { navigate, path, useQueryParam, useRoute } from "@/shared/router";
import { chooseCluster, useCluster } from "@/shared/session";
import { Status } from "@/shared/Status";
import { Table, type Column } from "@/shared/table";
import { CheckDialog } from "./CheckDialog";
import { Detail } from "./Detail";
import { LevelPick } from "./LevelPick";
import { levelText, TYPES } from "./model";
import styles from "./schemas.module.css";

/** Above the screen of one of them. */
const ROWS_MAX = 5;

const COLUMNS: readonly Column<SubjectSummary>[] = [
  { id: "subject", title: "subject", width: 200, grow: true, cell: (row) => <span title={row.subject}>{row.subject}</span>, sortBy: (row) => row.subject },
  { id: "type", title: "type", width: 104, cell: (row) => (row.schema_type === null ? UNKNOWN : TYPES[row.schema_type]), sortBy: (row) => row.schema_type },
  { id: "versions", title: "versions", width: 76, align: "right", mono: true, cell: (row) => number(row.versions), sortBy: (row) => row.versions },
  { id: "latest", title: "latest", width: 62, align: "right", mono: true, cell: (row) => number(row.latest), sortBy: (row) => row.latest },
  { id: "id", title: "schema id", width: 84, align: "right", mono: true, tone: "mute", cell: (row) => (row.id === null ? UNKNOWN : String(row.id)), sortBy: (row) => row.id },
  { id: "references", title: "references", width: 88, align: "right", mono: true, tone: "mute", cell: (row) => number(row.references), sortBy: (row) => row.references },
  { id: "level", title: "compatibility", width: 190, cell: (row) => (row.level === null ? UNKNOWN : <span title={levelText(row)}>{row.level}{row.level_is_global === true && <span className="faint"> · default</span>}</span>), sortBy: (row) => row.level },
];

export default function Schemas() {
  const [, clusterInPath, subject] = useRoute().segments;
  const chosen = useCluster();
  const cluster = clusterInPath ?? chosen;
  // A link names its cluster: opening it chooses that one.
  useEffect(() => {
    if (cluster !== chosen && cluster !== "") chooseCluster(cluster);
  }, [cluster, chosen]);
  const [text, setText] = useQueryParam("search");
  const [adding, setAdding] = useState(false);
  const clusters = useCall("cluster_list", {}, { topic: "definitions" });
  const readOnly = clusters.data?.find(({ name }) => name === cluster)?.read_only ?? true;
  // Names are there at once; what each is takes a call or more for each.
  const names = useCall("subject_list", { cluster, details: false }, { enabled: cluster !== "" });
  const details = useCall("subject_list", { cluster, details: true }, { enabled: cluster !== "" && names.data !== undefined });
  const list = details.data ?? names.data;
  const shown = useMemo(() => list?.subjects.filter((row) => row.subject.toLowerCase().includes(text.toLowerCase())), [list, text]);
  const none = names.error !== null && toAppError(names.error).code === "no_registry";
  return (
    <Screen testId="screen-schemas">
      <Bar
        title="Schemas"
        badge={<ClusterTag cluster={cluster} />}
        sub={list && <span title={list.url}>{`${count(list.subjects.length, "subject")} of ${list.url}`}</span>}
        actions={
          <>
            {list && <LevelPick cluster={cluster} subject={null} level={list.level} global={null} readOnly={readOnly} />}
            <SearchInput label="Search subjects" value={text} onChange={setText} width={200} />
            <Button disabled={!list} onClick={() => setAdding(true)} testId="subject-new">New subject…</Button>
          </>
        }
      />
      {list?.missing.map((sentence) => <p key={sentence} className={styles["note"]} data-testid="schemas-missing">{sentence}</p>)}
      <Table
        id="subjects"
        label={`Subjects of ${cluster}`}
        columns={COLUMNS}
        rowKey={(row) => row.subject}
        rows={none ? [] : shown}
        selectedKey={subject ?? null}
        onSelect={(row) => navigate(path("schemas", cluster, row.subject, { search: text }), { replace: subject !== undefined })}
        initialSort={{ column: "subject", descending: false }}
        {...(subject !== undefined && { rowsMax: ROWS_MAX })}
        loading={names.isPending}
        loadingLabel="Asking the registry"
        error={none ? undefined : names.error}
        onRetry={() => void names.refetch()}
        errorActions={<Button onClick={() => navigate(path("clusters", cluster))} testId="error-cluster">Look at the cluster</Button>}
        empty={
          text
            ? <EmptyState title={`No subject has “${text}” in its name`}>Clear the search.</EmptyState>
            : none
              ? <EmptyState title={`${cluster} names no schema registry`}>{`Add [registry] with url = "http://HOST:8081" to clusters/${cluster}.toml; user and password = "secret:NAME", or token = "secret:NAME", where it asks for a login.`}</EmptyState>
              : <EmptyState title="The registry has no subjects yet">A producer that registers its schemas makes them; “New subject…” registers the first here.</EmptyState>
        }
      />
      {subject !== undefined && list && <Detail key={`${cluster}/${subject}`} cluster={cluster} subject={subject} readOnly={readOnly} />}
      {adding && <CheckDialog cluster={cluster} readOnly={readOnly} onClose={() => setAdding(false)} />}
      {list && (
        <Status>
          <span data-testid="schemas-state">{details.isFetching && details.data === undefined ? "asking for each subject…" : list.missing.length > 0 ? "not everything is known" : "every subject was asked for"}</span>
        </Status>
      )}
    </Screen>
  );
}
