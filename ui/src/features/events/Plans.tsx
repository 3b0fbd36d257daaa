import { useMemo, useState } from "react";
import type { PlanChange, PlanSummary } from "@/bindings";
import { useCall } from "@/platform";
import { Badge, Button, Select, type Tone } from "@/shared/controls";
import { count, dateTime, number } from "@/shared/format";
import { Bar, EmptyState, ErrorState, Loading, Pane, Split } from "@/shared/layout";
import { useQueryParam } from "@/shared/router";
import { Table, type Column } from "@/shared/table";
import { TextLines } from "@/shared/TextLines";
import { InferPlan } from "./InferPlan";

const KINDS: Readonly<Record<PlanChange["kind"], readonly [Tone, string]>> = { added: ["ok", "ADDED"], removed: ["error", "REMOVED"], changed: ["information", "CHANGED"] };

/** The tracking plans of the workspace: which sources keep to each, its text, and what changed since an older version. */
export function Plans({ text, sources }: { text: string; sources: readonly string[] }) {
  const [name, setName] = useQueryParam("plan");
  const [inferring, setInferring] = useState(false);
  const found = useCall("plan_list", {}, { topic: "definitions" });
  const columns = useMemo<readonly Column<PlanSummary>[]>(
    () => [
      { id: "plan", title: "plan", width: 120, grow: true, cell: (row) => row.name, sortBy: (row) => row.name },
      { id: "version", title: "version", width: 76, align: "right", mono: true, cell: (row) => row.version, sortBy: (row) => row.version },
      { id: "events", title: "events", width: 76, align: "right", mono: true, cell: (row) => number(row.events), sortBy: (row) => row.events },
      { id: "sources", title: "sources", width: 120, grow: true, tone: "mute", cell: (row) => (row.sources.length === 0 ? <span className="warn">none keeps to it</span> : row.sources.join(", ")), sortBy: (row) => row.sources.length },
      { id: "title", title: "title", width: 100, grow: true, tone: "mute", cell: (row) => row.title ?? "" },
    ],
    [],
  );
  const shown = useMemo(() => found.data?.filter((row) => `${row.name} ${row.title ?? ""} ${row.sources.join(" ")}`.toLowerCase().includes(text.toLowerCase())), [found.data, text]);
  const open = found.data?.find((each) => each.name === name);
  return (
    <>
      <Bar level={2} title="Tracking plans" sub="tracking-plans/NAME.json; a source keeps to one with plan = “NAME”" actions={<Button onClick={() => setInferring(true)} testId="plan-infer">Make a plan of what was observed…</Button>} />
      <Split
        id="plans"
        initial={560}
        min={360}
        first={
          <Table
            id="plans"
            label="Tracking plans"
            columns={columns}
            rowKey={(row) => row.name}
            rows={shown}
            selectedKey={name || null}
            onSelect={(row) => setName(row.name)}
            initialSort={{ column: "plan", descending: false }}
            loading={found.isPending}
            error={found.error}
            onRetry={() => void found.refetch()}
            empty={text ? <EmptyState title={`No plan has “${text}” in its name or sources`}>Clear the search.</EmptyState> : <EmptyState title="No tracking plan yet">A plan says what events are to look like: a JSON Schema for each. Make one of what was observed, and name it in a source.</EmptyState>}
          />
        }
        second={open ? <Plan key={open.name} plan={open} onClose={() => setName("")} /> : null}
      />
      {inferring && <InferPlan sources={sources} onClose={() => setInferring(false)} />}
    </>
  );
}

function Plan({ plan, onClose }: { plan: PlanSummary; onClose: () => void }) {
  const { name, version } = plan;
  const shown = useCall("plan_show", { name }, { topic: "definitions" });
  const [since, setSince] = useState("");
  const older = shown.data?.versions.filter((each) => each.version !== version) ?? [];
  const choices = [{ value: "", label: "the plan as it is" }, ...older.map((each) => ({ value: String(each.version), label: `since version ${each.version}`, hint: `used first at ${dateTime(each.saved_ms)}` }))];
  return (
    <>
      <Bar
        level={2}
        title={name}
        sub={`tracking-plans/${name}.json · version ${version}`}
        actions={<>
          {older.length > 0 && <Select label="Show" value={since} choices={choices} onChange={setSince} testId="plan-since" />}
          <Button kind="quiet" icon aria-label="Close the plan" onClick={onClose}>×</Button>
        </>}
      />
      {since !== "" ? <Changes name={name} since={since} /> : (
        <Pane testId="plan">
          {shown.error ? <ErrorState error={shown.error} onRetry={() => void shown.refetch()} /> : shown.data ? <TextLines text={shown.data.text} label={`The plan ${name}`} /> : <Loading />}
        </Pane>
      )}
    </>
  );
}

function Changes({ name, since }: { name: string; since: string }) {
  const found = useCall("plan_diff", { from: `${name}@${since}`, to: name }, { topic: "definitions" });
  const columns = useMemo<readonly Column<PlanChange>[]>(
    () => [
      { id: "kind", title: "", name: "Kind", width: 100, cell: (row) => <Badge tone={KINDS[row.kind][0]}>{KINDS[row.kind][1]}</Badge>, sortBy: (row) => row.kind },
      { id: "event", title: "event", width: 120, cell: (row) => row.event ?? <span className="mute">the plan</span>, sortBy: (row) => row.event },
      { id: "field", title: "field", width: 90, mono: true, cell: (row) => row.field ?? "", sortBy: (row) => row.field },
      { id: "what", title: "what", width: 220, grow: true, cell: (row) => <span title={row.what}>{row.stricter && <span className="warn" title="Events that fitted may not fit any more">stricter · </span>}{row.what}</span> },
    ],
    [],
  );
  const rows = found.data?.changes;
  const stricter = rows?.filter((row) => row.stricter).length ?? 0;
  return (
    <>
      {rows && <p className="mute" style={{ padding: "6px var(--gutter)" }} data-testid="plan-changes-said">{`${count(rows.length, "change")}, ${number(stricter)} of them stricter: events that fitted may not fit any more.`}</p>}
      <Table
        id="plan-changes"
        label={`Changes of ${name}`}
        columns={columns}
        rowKey={(row) => `${row.kind}/${row.event ?? ""}/${row.field ?? ""}/${row.what}`}
        rows={rows}
        loading={found.isPending}
        error={found.error}
        onRetry={() => void found.refetch()}
        empty={<EmptyState title="Nothing changed">The plan says what it said then.</EmptyState>}
      />
    </>
  );
}
