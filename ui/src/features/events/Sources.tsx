import { useMemo } from "react";
import type { SourceSummary } from "@/bindings";
import { Badge, Button, Dot, type Tone } from "@/shared/controls";
import { ago, count, duration, number, perSecondNumber, UNKNOWN } from "@/shared/format";
import { useNow } from "@/shared/frame";
import { Bar, EmptyState, ErrorNote, Tabs } from "@/shared/layout";
import { navigate, path, useQueryParam } from "@/shared/router";
import { isTopic, sourceFrom } from "@/shared/sources";
import { SqlText } from "@/shared/sql/SqlEditor";
import { Status } from "@/shared/Status";
import { Table, type Column } from "@/shared/table";
import styles from "./events.module.css";
import { Quarantine } from "./Quarantine";
import { Transformation } from "./Transformation";

interface SourcesProps {
  sources: readonly SourceSummary[] | undefined;
  pending: boolean;
  error: unknown;
  onRetry: () => void;
  text: string;
  open: string | null;
}

const STATES: Readonly<Record<SourceSummary["state"], readonly [Tone, string]>> = {
  starting: ["information", "STARTING"], waiting: ["warning", "WAITING"], catching_up: ["information", "CATCHING UP"], live: ["ok", "LIVE"], stopped: ["neutral", "STOPPED"], failed: ["error", "FAILED"],
};
const URGENCY = { failed: 0, waiting: 1, stopped: 2, starting: 3, catching_up: 4, live: 5 } as const;
/** Of the list while a source is open below it. */
const ROWS_MAX = 6;

export function Sources({ sources, pending, error, onRetry, text, open }: SourcesProps) {
  const now = useNow();
  const loses = sources?.some((row) => row.lost > 0) ?? false;
  const columns = useMemo<readonly Column<SourceSummary>[]>(
    () => [
      { id: "source", title: "source", width: 110, grow: true, cell: (row) => row.name, sortBy: (row) => row.name },
      { id: "state", title: "state", width: 116, cell: (row) => <Badge tone={STATES[row.state][0]} {...(row.error && { title: row.error.message })}>{STATES[row.state][1]}</Badge>, sortBy: (row) => URGENCY[row.state] },
      { id: "topic", title: "from", width: 170, grow: true, tone: "mute", cell: (row) => sourceFrom(row.definition), sortBy: (row) => sourceFrom(row.definition) },
      { id: "events", title: "events", width: 104, align: "right", mono: true, cell: (row) => number(row.events), sortBy: (row) => row.events },
      { id: "duplicates", title: "duplicates", width: 92, align: "right", mono: true, tone: "mute", cell: (row) => number(row.duplicates), sortBy: (row) => row.duplicates },
      { id: "malformed", title: "malformed", width: 92, align: "right", mono: true, cell: (row) => <span className={row.malformed > 0 ? "warn" : "mute"}>{number(row.malformed)}</span>, sortBy: (row) => row.malformed },
      { id: "blocked", title: "blocked", width: 84, align: "right", mono: true, cell: (row) => <span className={row.blocked > 0 ? "warn" : "mute"} title="Kept apart, because the tracking plan says so or the transformation fails on them">{number(row.blocked)}</span>, sortBy: (row) => row.blocked },
      // Nothing can be done about what is lost, but it is said where it happened.
      ...(loses ? [{ id: "lost", title: "lost", width: 80, align: "right", mono: true, cell: (row) => <span className={row.lost > 0 ? "bad" : "mute"} title="Records that were deleted from the topic before they were read">{number(row.lost)}</span>, sortBy: (row) => row.lost } satisfies Column<SourceSummary>] : []),
      { id: "behind", title: "behind", width: 100, align: "right", mono: true, cell: (row) => <span title={left(row)}>{number(row.behind)}</span>, sortBy: (row) => row.behind },
      { id: "rate", title: "/s", width: 76, align: "right", mono: true, cell: (row) => perSecondNumber(row.per_second), sortBy: (row) => row.per_second },
      { id: "checkpoint", title: "checkpoint", width: 112, align: "right", tone: "mute", cell: (row) => (row.checkpoint_ms === null ? UNKNOWN : ago(row.checkpoint_ms, now)), sortBy: (row) => row.checkpoint_ms },
    ],
    [now, loses],
  );
  const shown = useMemo(() => sources?.filter((row) => `${row.name} ${sourceFrom(row.definition)}`.toLowerCase().includes(text.toLowerCase())), [sources, text]);
  const source = sources?.find((each) => each.name === open);
  const of = (state: SourceSummary["state"]) => sources?.filter((each) => each.state === state).length ?? 0;
  const [failed, waiting, live] = [of("failed"), of("waiting"), of("live")];
  return (
    <>
      <Table
        id="sources"
        label="Sources"
        columns={columns}
        rowKey={(row) => row.name}
        rows={shown}
        {...(open !== null && { rowsMax: ROWS_MAX })}
        selectedKey={open}
        onSelect={(row) => navigate(path("events", row.name, { search: text }), { replace: open !== null })}
        initialSort={{ column: "source", descending: false }}
        loading={pending}
        error={error}
        onRetry={onRetry}
        empty={text ? <EmptyState title={`No source has “${text}” in its name or topic`}>Clear the search.</EmptyState> : <EmptyState title="No source yet">Add sources/NAME.toml with a cluster and a topic: its records are collected as events from then on. With kind = "tracking", what is posted to tailrace serve is.</EmptyState>}
      />
      {source && <Source key={source.name} source={source} />}
      {open !== null && sources && !source && <EmptyState title={`There is no source ${open}`} actions={<Button onClick={() => navigate(path("events"))}>Show all sources</Button>}>{`sources/${open}.toml is gone, or does not parse: problems are listed in the top bar.`}</EmptyState>}
      {sources && <Status><span data-testid="source-health"><Dot tone={failed > 0 ? "error" : waiting > 0 ? "warning" : "ok"} />{failed > 0 ? `${count(failed, "source")} failed` : waiting > 0 ? `${count(waiting, "source")} waiting` : `${count(live, "source")} live`}</span></Status>}
    </>
  );
}

function left({ behind, per_second, state, error, definition }: SourceSummary): string {
  if (!isTopic(definition)) return behind === null ? "It listens while tailrace serve runs" : `${count(behind, "event")} acknowledged and not in a checkpoint yet`;
  if (behind === null) return state === "stopped" ? "It does not read" : state === "starting" ? "It begins to read" : `How far it is behind is unknown${error ? `: ${error.message}` : ""}`;
  return behind === 0 || per_second === 0 ? `${count(behind, "record")} between the checkpoint and the end of the topic` : `Caught up in about ${duration((behind / per_second) * 1000)}`;
}

function about({ group, tracking }: SourceSummary["definition"]): string {
  if (!tracking) return group == null ? "" : ` · commits as ${group}`;
  const copy = tracking.produce ? ` · also produced to ${tracking.produce.cluster} / ${tracking.produce.topic}` : "";
  return ` · listens while tailrace serve runs${copy}`;
}

function Source({ source }: { source: SourceSummary }) {
  const { name, definition } = source;
  const topic = isTopic(definition);
  const [part, setPart] = useQueryParam("part", "quarantine");
  const says = [definition.plan == null ? "" : `plan ${definition.plan}`, source.violations > 0 ? count(source.violations, "violation") : "", source.left_out > 0 ? `${number(source.left_out)} left out` : ""].filter((each) => each !== "").map((each) => ` · ${each}`).join("");
  return (
    <section className={styles["detail"]} data-testid="source">
      <Bar
        level={2}
        title={name}
        badge={<Badge tone={STATES[source.state][0]}>{STATES[source.state][1]}</Badge>}
        sub={definition.enabled ? `sources/${name}.toml${about(definition)}${says}` : `switched off in sources/${name}.toml`}
        actions={<>{topic && <Button onClick={() => navigate(path("topics", definition.cluster ?? "", definition.topic ?? ""))} testId="source-topic">Open the topic</Button>}<Button kind="quiet" icon aria-label="Close the source" onClick={() => navigate(path("events"))} testId="source-close">×</Button></>}
      />
      {source.error && <div className={styles["note"]}><ErrorNote error={source.error} testId="source-error" /></div>}
      {definition.sql != null && <div className={styles["sql"]}><SqlText value={definition.sql} label={`How a record of ${topic ? (definition.topic ?? "") : name} becomes an event`} testId="source-sql" /></div>}
      <Tabs label={`Parts of ${name}`} value={part} onChange={setPart} testId="source-parts" tabs={[{ id: "quarantine", label: "Quarantine", note: number(source.quarantined) }, { id: "transformation", label: "Transformation", note: definition.transform == null ? undefined : "1" }]}>
        {part === "transformation" ? <Transformation source={source} /> : <Quarantine source={source} />}
      </Tabs>
    </section>
  );
}
