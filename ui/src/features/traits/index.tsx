/** Traits: what is known of each profile, computed from its events or by SQL. */

import { useMemo, useState } from "react";
import type { Aggregate, ComputedTrait, Observed, TraitDefinition, TraitDetail, TraitSummary } from "@/bindings";
import { useAction, useCall } from "@/platform";
import { Badge, Button, SearchInput, TextInput } from "@/shared/controls";
import { toAppError } from "@/shared/errors";
import { count, duration, number } from "@/shared/format";
import { Form, type Field, type FormValues } from "@/shared/Form";
import { Bar, EmptyState, ErrorNote, ErrorState, Heading, Loading, Pane, Screen, Split } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { navigate, path, useQueryParam, useRoute } from "@/shared/router";
import { SqlEditor, SqlText } from "@/shared/sql/SqlEditor";
import { Table } from "@/shared/table";
import { cellColumns } from "@/shared/cells";

export default function Traits() {
  const traits = useCall("trait_list", {}, { topic: "definitions" });
  const [text, setText] = useQueryParam("search");
  const [creating, setCreating] = useState(false);
  const { segments, query } = useRoute();
  const name = segments[1];
  const columns = useMemo(
    () => [
      { id: "trait", title: "trait", width: 180, grow: true, cell: (row: TraitSummary) => <><span className="mono">{row.name}</span> {row.error && <Badge tone="error" title={row.error.message}>ERROR</Badge>}</>, sortBy: (row: TraitSummary) => row.name },
      { id: "title", title: "title", width: 160, grow: true, cell: (row: TraitSummary) => <span title={[row.title, row.description].filter(Boolean).join(" · ")}>{row.title} {row.description !== null && name === undefined && <span className="mute">{row.description}</span>}</span>, sortBy: (row: TraitSummary) => row.title },
      { id: "kind", title: "defined by", width: 100, tone: "mute" as const, cell: (row: TraitSummary) => (row.kind === "sql" ? "SQL" : row.kind), sortBy: (row: TraitSummary) => row.kind },
    ],
    [name],
  );
  const shown = useMemo(() => traits.data?.filter((row) => `${row.name} ${row.title ?? ""}`.toLowerCase().includes(text.toLowerCase())), [traits.data, text]);
  const create = <Button kind="primary" onClick={() => setCreating(true)} testId="trait-new">New trait</Button>;
  const fresh = query.get("new") ?? null;
  return (
    <Screen testId="screen-traits">
      <Bar title="Traits" sub={traits.data && count(traits.data.length, "trait")} actions={<><SearchInput label="Search traits" value={text} onChange={setText} />{create}</>} />
      <Split
        id="trait"
        initial={560}
        min={360}
        first={
          <Table
            id="traits"
            label="Traits"
            columns={columns}
            rowKey={(row) => row.name}
            rows={shown}
            selectedKey={name ?? null}
            onSelect={(row) => navigate(path("traits", row.name, { search: text }), { replace: name !== undefined })}
            initialSort={{ column: "trait", descending: false }}
            loading={traits.isPending}
            error={traits.error}
            onRetry={() => void traits.refetch()}
            empty={text ? <EmptyState title={`No trait is called “${text}”`}>Clear the search.</EmptyState> : <EmptyState title="No trait yet" actions={create}>A trait is a value of each profile: orders in 14 days, lifetime value, last campaign clicked.</EmptyState>}
          />
        }
        second={name === undefined ? null : fresh !== null ? <Editor key={`new ${name}`} name={name} detail={null} published={fresh === "sql" ? NEW_SQL(name) : NEW_COMPUTED} /> : <Trait key={name} name={name} summary={traits.data?.find((row) => row.name === name)} />}
      />
      {creating && <NewTrait taken={traits.data?.map((row) => row.name) ?? []} onClose={() => setCreating(false)} />}
    </Screen>
  );
}

const NEW_COMPUTED: TraitDefinition = { computed: { event: "Order Completed", aggregate: "count", window: "14 days" } };
const NEW_SQL = (name: string): TraitDefinition => ({ sql: `select profile_id, count(*) as ${name.replaceAll("-", "_")}\nfrom events\ngroup by profile_id` });

function NewTrait({ taken, onClose }: { taken: readonly string[]; onClose: () => void }) {
  const [name, setName] = useState("");
  const wrong = name !== "" && !/^[a-z][a-z0-9_]*$/.test(name) ? "Small letters, digits and _ only: it names the file and the column." : taken.includes(name) ? "There is a trait of that name." : null;
  const create = (by: "computed" | "sql") => {
    navigate(path("traits", name, { new: by }));
    onClose();
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title="New trait"
      about="Nothing is written until you save it."
      footer={<><Button disabled={name === "" || wrong !== null} onClick={() => create("sql")} testId="trait-new-sql">Write SQL</Button><Button kind="primary" disabled={name === "" || wrong !== null} onClick={() => create("computed")} testId="trait-new-computed">Compute from events</Button></>}
      testId="trait-new-dialog"
    >
      <TextInput label="Name" mono placeholder="orders_14d" value={name} onChange={setName} aria-invalid={wrong !== null} testId="trait-new-name" />
      <p className={wrong ? "bad" : "mute"} style={{ marginTop: 6 }}>{wrong ?? `Becomes traits/${name || "NAME"}`}</p>
    </Dialog>
  );
}

function Trait({ name, summary }: { name: string; summary: TraitSummary | undefined }) {
  const detail = useCall("trait_show", { name }, { topic: "definitions" });
  if (detail.error) return <ErrorState error={detail.error} onRetry={() => void detail.refetch()} />;
  if (!detail.data) return <Loading />;
  return (
    <>
      {summary?.error && <div style={{ padding: "8px var(--gutter)" }}><ErrorNote error={summary.error} /></div>}
      <Editor name={name} detail={detail.data} published={detail.data.definition} />
    </>
  );
}

function Editor({ name, detail, published }: { name: string; detail: TraitDetail | null; published: TraitDefinition }) {
  const [own, setOwn] = useState<TraitDefinition | null>(null);
  const definition = own ?? published;
  const changed = own !== null && JSON.stringify(own) !== JSON.stringify(published);
  const observed = useCall("observed_show", {}).data;
  const preview = useAction("trait_preview");
  const save = useAction("trait_save", ["trait_list", "trait_show", "observed_show", "counts_show"]);
  const failure = preview.error ?? save.error;
  const run = () => preview.mutate({ name, definition });
  const publish = () =>
    save.mutate({ name, definition }, {
      onSuccess: (saved) => {
        toast.done(`${saved.definition.title ?? name} is saved`, saved.file);
        setOwn(null);
        if (detail === null) navigate(path("traits", name), { replace: true });
      },
    });
  return (
    <>
      <Bar
        level={2}
        title={<span className="mono">{name}</span>}
        sub={detail === null ? "not saved yet" : changed ? "draft differs from what is saved" : detail.file}
        actions={<><Button keys="Shift Enter" disabled={preview.isPending} onClick={run} testId="trait-preview">Preview</Button><Button kind="primary" disabled={(!changed && detail !== null) || save.isPending} onClick={publish} testId="trait-save">Save</Button></>}
      />
      <Pane testId="trait">
        {definition.description != null && definition.description !== "" && <p className="mute" style={{ marginBottom: 12, textWrap: "pretty" }} data-selectable="">{definition.description}</p>}
        {definition.computed ? (
          <Computed computed={definition.computed} observed={observed} title={definition.title ?? ""} onChange={(computed, title) => setOwn({ ...definition, title: title || null, computed })} />
        ) : (
          <div style={{ display: "flex", height: 220 }}><SqlEditor label="SQL of the trait" value={definition.sql ?? ""} onChange={(sql) => setOwn({ ...definition, sql })} onRun={run} error={failure ? toAppError(failure) : null} testId="trait-sql" /></div>
        )}
        {failure && <div style={{ marginTop: 12 }}><ErrorNote error={failure} testId="trait-error" /></div>}
        {definition.computed && detail && detail.sql !== "" && <><div style={{ margin: "16px 0 4px" }}><Heading>As SQL</Heading></div><div style={{ display: "flex", height: 130 }}><SqlText value={preview.data?.sql ?? detail.sql} /></div></>}
        {preview.data && (
          <section style={{ margin: "16px calc(-1 * var(--gutter)) 0" }} data-testid="trait-sample">
            <p className="mute" style={{ padding: "0 var(--gutter) 8px" }}>{count(preview.data.profiles, "profile")} with a value · {duration(preview.data.took_ms)} · the first {number(preview.data.sample.rows.length)}</p>
            <Table id="trait-sample-rows" label="Sample" columns={cellColumns(preview.data.sample.columns, preview.data.sample.rows)} rowKey={(row) => row.join("\u0001")} rows={preview.data.sample.rows} rowsMax={12} />
          </section>
        )}
      </Pane>
    </>
  );
}

const AGGREGATES: readonly { value: Aggregate; label: string }[] = [
  { value: "count", label: "Count" }, { value: "sum", label: "Sum" }, { value: "avg", label: "Average" }, { value: "min", label: "Minimum" }, { value: "max", label: "Maximum" }, { value: "distinct", label: "Different values" },
];

function Computed({ computed, observed, title, onChange }: { computed: ComputedTrait; observed: Observed | undefined; title: string; onChange: (computed: ComputedTrait, title: string) => void }) {
  const properties = observed?.events.find((each) => each.event === computed.event)?.properties ?? [];
  const fields: Field[] = [
    { name: "title", label: "Title", kind: "text" },
    { name: "event", label: "Event", kind: "suggest", required: true, choices: (observed?.events ?? []).map(({ event }) => ({ value: event, label: event })) },
    { name: "aggregate", label: "Computed as", kind: "choice", required: true, choices: AGGREGATES },
    ...(computed.aggregate === "count" ? [] : [{ name: "property", label: "Of property", kind: "suggest" as const, required: true, choices: properties.map(({ name }) => ({ value: name, label: name })) }]),
    { name: "window", label: "In the last", kind: "suggest", help: "Empty: over all of history.", placeholder: "14 days", choices: ["1 day", "7 days", "14 days", "30 days", "90 days"].map((value) => ({ value, label: value })) },
  ];
  const change = (values: FormValues) => {
    const text = (key: string) => String(values[key] ?? "");
    const { property: _, window: __, ...rest } = computed;
    const aggregate = text("aggregate") as Aggregate;
    onChange(
      { ...rest, event: text("event"), aggregate, ...(aggregate !== "count" && { property: text("property") || properties[0]?.name || "" }), ...(text("window") && { window: text("window") }) },
      text("title"),
    );
  };
  return <Form fields={fields} values={{ title, event: computed.event, aggregate: computed.aggregate, property: computed.property ?? "", window: computed.window ?? "" }} onChange={change} testId="trait-form" />;
}
