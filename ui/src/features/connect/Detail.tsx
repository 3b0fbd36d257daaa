import { useMemo } from "react";
import type { ConnectorAct, ConnectorSetting, ConnectorTask } from "@/bindings";
import { useAction, useCall } from "@/platform";
import { Badge, Button } from "@/shared/controls";
import { count } from "@/shared/format";
import { Bar, EmptyState, ErrorState, Facts, Heading, Loading, Pane, Tabs } from "@/shared/layout";
import { Confirm, toast } from "@/shared/overlay";
import { Link, path, useQueryParam } from "@/shared/router";
import { Table, type Column } from "@/shared/table";
import styles from "./connect.module.css";
import { StateBadge } from "./state";

const EVERY_MS = 5_000;

const SETTINGS: readonly Column<ConnectorSetting>[] = [
  { id: "name", title: "setting", width: 210, mono: true, cell: (row) => <span title={row.name}>{row.name}</span>, sortBy: (row) => row.name },
  { id: "value", title: "value", width: 180, grow: true, mono: true, cell: (row) => (row.masked ? <span className="mute" title="A secret: it is not shown">{row.value}</span> : <span title={row.value} data-selectable="">{row.value}</span>), sortBy: (row) => row.value },
];

interface DetailProps {
  cluster: string;
  connect: string;
  connector: string;
  readOnly: boolean;
  /** What is about to be done, once it is confirmed. */
  asked: ConnectorAct | null;
  onAsk: (act: ConnectorAct | null) => void;
}

const VERBS: Readonly<Record<string, string>> = { restart: "Restart", restart_failed: "Restart what failed", pause: "Pause", resume: "Resume", stop: "Stop" };

function verb(act: ConnectorAct): string {
  return typeof act === "string" ? (VERBS[act] ?? act) : `Restart task ${act.restart_task}`;
}

/** What it changes, before it is done. */
function effect(act: ConnectorAct, connector: string, tasks: readonly ConnectorTask[]): string {
  if (typeof act !== "string") return `Task ${act.restart_task} of ${connector} ends and starts again where it had committed.`;
  const failed = tasks.filter((task) => task.state === "FAILED").map((task) => task.task);
  switch (act) {
    case "restart": return `${connector} and its ${count(tasks.length, "task")} end and start again where they had committed.`;
    case "restart_failed": return failed.length === 0 ? `No task of ${connector} has failed: only a failed connector is started again.` : `${failed.length === 1 ? "Task" : "Tasks"} ${failed.join(", ")} of ${connector} ${failed.length === 1 ? "starts" : "start"} again; the others are left alone.`;
    case "pause": return `${connector} and its ${count(tasks.length, "task")} stay, and move no records until it is resumed.`;
    case "resume": return `${connector} moves records again.`;
    case "stop": return `The ${count(tasks.length, "task")} of ${connector} end. Its settings and offsets stay; resume starts it again.`;
  }
}

export function Detail({ cluster, connect, connector, readOnly, asked, onAsk }: DetailProps) {
  const [tab, setTab] = useQueryParam("tab", "tasks");
  const detail = useCall("connector_show", { cluster, connect, connector }, { everyMs: EVERY_MS, keep: true });
  const act = useAction("connector_act", ["connect_list", "connector_show"]);
  const summary = detail.data?.summary;
  const tasks = summary?.tasks ?? [];
  const failed = summary?.state === "FAILED" || tasks.some((task) => task.state === "FAILED");
  const resting = summary?.state === "PAUSED" || summary?.state === "STOPPED";
  const why = readOnly ? `${cluster} is read-only` : undefined;
  const ask = (next: ConnectorAct) => ({ disabled: readOnly || !summary, title: why, onClick: () => onAsk(next) });
  return (
    <>
      <Bar level={2} title={connector} badge={summary && <StateBadge state={summary.state} />} sub={readOnly ? why : undefined} />
      <div className={styles["acts"]}>
        {failed && <Button kind="primary" {...ask("restart_failed")} testId="connector-restart-failed">Restart failed</Button>}
        <Button {...ask("restart")} testId="connector-restart">Restart</Button>
        {resting ? <Button {...ask("resume")} testId="connector-resume">Resume</Button> : <Button {...ask("pause")} testId="connector-pause">Pause</Button>}
        {summary?.state !== "STOPPED" && <Button kind="danger" {...ask("stop")} testId="connector-stop">Stop</Button>}
      </div>
      {detail.error ? (
        <ErrorState error={detail.error} onRetry={() => void detail.refetch()} />
      ) : !detail.data || !summary ? (
        <Loading label={`Asking ${connect}`} />
      ) : (
        <Tabs label={connector} value={tab} onChange={setTab} tabs={[{ id: "tasks", label: "Tasks", note: String(tasks.length) }, { id: "config", label: "Config", note: String(detail.data.settings.length) }]} testId="connector-tabs">
          {tab === "config" ? (
            <Table id="connector-settings" label={`Settings of ${connector}`} columns={SETTINGS} rowKey={(row) => row.name} rows={detail.data.settings} initialSort={{ column: "name", descending: false }} empty={<EmptyState title="It has no settings" />} />
          ) : (
            <Pane testId="connector-detail">
              <Facts
                items={[
                  ["class", <span key="class" className="mono">{summary.class}</span>],
                  ["worker", <span key="worker" className="mono">{summary.worker ?? "unknown"}</span>],
                  ["topics", detail.data.topics === null ? "not told by the worker" : detail.data.topics.length === 0 ? "none so far" : detail.data.topics.map((topic, at) => <span key={topic}>{at > 0 && ", "}<Link to={path("topics", cluster, topic)}>{topic}</Link></span>)],
                ]}
              />
              {summary.trace !== null && <Trace title="Why the connector failed" reason={summary.reason} trace={summary.trace} />}
              {tasks.length === 0 && <p className="mute" style={{ marginTop: 12 }}>It has no tasks now.</p>}
              {tasks.map((task) => <Task key={task.task} task={task} readOnly={readOnly} onRestart={() => onAsk({ restart_task: task.task })} />)}
            </Pane>
          )}
        </Tabs>
      )}
      <Confirm
        open={asked !== null}
        onClose={() => onAsk(null)}
        cluster={cluster}
        title={asked === null ? "" : `${verb(asked)}: ${connector}`}
        action={asked === null ? "" : verb(asked)}
        danger={asked === "stop"}
        onConfirm={async () => {
          if (asked === null) return;
          const now = await act.mutateAsync({ cluster, connect, connector, act: asked });
          toast.done(`${verb(asked)}: ${connector}`, `It is ${(now.state ?? "unknown").toLowerCase()} now${now.reason === null ? "." : `; ${now.reason}`}`);
        }}
      >
        <p>{asked !== null && effect(asked, connector, tasks)}</p>
      </Confirm>
    </>
  );
}

function Task({ task, readOnly, onRestart }: { task: ConnectorTask; readOnly: boolean; onRestart: () => void }) {
  return (
    <section className={styles["task"]} data-testid={`task-${task.task}`} data-state={task.state}>
      <div className={styles["head"]}>
        <Heading>{`Task ${task.task}`}</Heading>
        <StateBadge state={task.state} />
        <span className="mute mono">{task.worker ?? ""}</span>
        <span className={styles["space"]} />
        <Button kind="quiet" disabled={readOnly} onClick={onRestart} testId={`restart-task-${task.task}`}>Restart</Button>
      </div>
      {task.trace !== null && <Trace reason={task.reason} trace={task.trace} />}
    </section>
  );
}

/** The first line, and the whole below it. */
function Trace({ title, reason, trace }: { title?: string; reason: string | null; trace: string }) {
  const lines = useMemo(() => trace.trimEnd().split("\n").length, [trace]);
  return (
    <div className={styles["why"]}>
      {title !== undefined && <Badge tone="error">{title}</Badge>}
      <p className="bad" data-selectable="" data-testid="reason">{reason}</p>
      <details>
        <summary>{`The whole trace, ${count(lines, "line")}`}</summary>
        <pre data-selectable="" data-testid="trace">{trace.trimEnd()}</pre>
      </details>
    </div>
  );
}
