import { useMemo, useState } from "react";
import type { AudienceSummary } from "@/bindings";
import { useCall } from "@/platform";
import { Badge, Button, SearchInput, TextInput } from "@/shared/controls";
import { ago, count, duration, number, UNKNOWN } from "@/shared/format";
import { useNow } from "@/shared/frame";
import { Bar, EmptyState, Screen } from "@/shared/layout";
import { Dialog } from "@/shared/overlay";
import { navigate, path, useQueryParam } from "@/shared/router";
import { Table, type Column } from "@/shared/table";

/** How old a membership is is asked for, however little it moves. */
const LIST_EVERY_MS = 5000;

export function AudienceList() {
  const audiences = useCall("audience_list", {}, { topic: "memberships", everyMs: LIST_EVERY_MS });
  const [text, setText] = useQueryParam("search");
  const [creating, setCreating] = useState(false);
  const now = useNow();
  const columns = useMemo<readonly Column<AudienceSummary>[]>(
    () => [
      { id: "audience", title: "audience", width: 240, grow: true, cell: (row) => <>{row.title ?? row.name} {row.title !== null && <span className="faint mono">{row.name}</span>} {row.error && <Badge tone="error" title={row.error.message}>ERROR</Badge>}</>, sortBy: (row) => row.title ?? row.name },
      { id: "kind", title: "defined by", width: 100, tone: "mute", cell: (row) => (row.kind === "sql" ? "SQL" : row.kind === "broken" ? <span className="bad">unreadable</span> : row.kind), sortBy: (row) => row.kind },
      { id: "members", title: "members", width: 110, align: "right", mono: true, cell: (row) => number(row.members), sortBy: (row) => row.members },
      { id: "entered", title: "entered", width: 90, align: "right", mono: true, tone: "accent", cell: (row) => (row.entered > 0 ? `+${number(row.entered)}` : <span className="faint">0</span>), sortBy: (row) => row.entered },
      { id: "exited", title: "exited", width: 90, align: "right", mono: true, cell: (row) => (row.exited > 0 ? <span className="bad">{`−${number(row.exited)}`}</span> : <span className="faint">0</span>), sortBy: (row) => row.exited },
      { id: "evaluated", title: "as of", width: 110, align: "right", tone: "mute", cell: (row) => (row.evaluated_ms === null ? "not yet" : ago(row.evaluated_ms, now)), sortBy: (row) => row.evaluated_ms },
      { id: "took", title: "took", width: 80, align: "right", mono: true, tone: "mute", cell: (row) => (row.took_ms === null ? UNKNOWN : duration(row.took_ms)), sortBy: (row) => row.took_ms },
    ],
    [now],
  );
  const shown = useMemo(() => audiences.data?.filter((row) => `${row.title ?? ""} ${row.name}`.toLowerCase().includes(text.toLowerCase())), [audiences.data, text]);
  const create = <Button kind="primary" onClick={() => setCreating(true)} testId="audience-new">New audience</Button>;
  return (
    <Screen testId="screen-audiences">
      <Bar title="Audiences" sub={audiences.data && count(audiences.data.length, "audience")} actions={<><SearchInput label="Search audiences" value={text} onChange={setText} />{create}</>} />
      <Table
        id="audiences"
        label="Audiences"
        columns={columns}
        rowKey={(row) => row.name}
        rows={shown}
        initialSort={{ column: "audience", descending: false }}
        openOnClick
        onOpen={(row) => navigate(path("audiences", row.name))}
        loading={audiences.isPending}
        error={audiences.error}
        onRetry={() => void audiences.refetch()}
        empty={text ? <EmptyState title={`No audience is called “${text}”`}>Clear the search.</EmptyState> : <EmptyState title="No audience yet" actions={create}>An audience says who matters: by conditions over events, traits and warehouse tables, or by SQL.</EmptyState>}
      />
      {creating && <NewAudience taken={audiences.data?.map((row) => row.name) ?? []} onClose={() => setCreating(false)} />}
    </Screen>
  );
}

function NewAudience({ taken, onClose }: { taken: readonly string[]; onClose: () => void }) {
  const [name, setName] = useState("");
  const wrong = name !== "" && !/^[a-z][a-z0-9_]{0,63}$/.test(name) ? "At most 64 small letters, digits and _, beginning with a letter: it names the file and the table." : taken.includes(name) ? "There is an audience of that name." : null;
  const create = (by: "conditions" | "sql") => navigate(path("audiences", name, { new: by }));
  return (
    <Dialog
      open
      onClose={onClose}
      title="New audience"
      about="Nothing is written until you publish it."
      footer={<><Button disabled={name === "" || wrong !== null} onClick={() => create("sql")} testId="audience-new-sql">Write SQL</Button><Button kind="primary" disabled={name === "" || wrong !== null} onClick={() => create("conditions")} testId="audience-new-conditions">Build by conditions</Button></>}
      testId="audience-new-dialog"
    >
      <TextInput label="Name" mono placeholder="loyal_pro" onKeyDown={(event) => event.key === "Enter" && name !== "" && wrong === null && create("conditions")} value={name} onChange={setName} testId="audience-new-name" aria-invalid={wrong !== null} />
      <p className={wrong ? "bad" : "mute"} style={{ marginTop: 6 }}>{wrong ?? `Becomes audiences/${name || "NAME"}`}</p>
    </Dialog>
  );
}
