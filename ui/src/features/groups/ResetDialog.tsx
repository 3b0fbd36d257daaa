/** Moves offsets: what changes is shown first, row by row, then asked for once. */

import { useMemo, useState } from "react";
import type { ResetRequest, ResetRow, ResetScope } from "@/bindings";
import { useAction, useCall } from "@/platform";
import { Button, Select, TextInput } from "@/shared/controls";
import controls from "@/shared/controls.module.css";
import { sentence } from "@/shared/errors";
import { count, number, signed, UNKNOWN } from "@/shared/format";
import { EmptyState, ErrorNote } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { Table, type Column } from "@/shared/table";
import styles from "./groups.module.css";
import { KINDS, scope, target, type Kind } from "./reset";

const ROWS_MAX = 9;
const FILE_BYTES_MAX = 4 * 1024 * 1024;

const COLUMNS: readonly Column<ResetRow>[] = [
  { id: "topic", title: "topic", width: 130, grow: true, cell: (row) => row.topic, sortBy: (row) => row.topic },
  { id: "partition", title: "partition", width: 76, align: "right", mono: true, cell: (row) => row.partition, sortBy: (row) => row.partition },
  { id: "current", title: "now", width: 110, align: "right", mono: true, tone: "mute", cell: (row) => number(row.current), sortBy: (row) => row.current },
  { id: "new", title: "new", width: 110, align: "right", mono: true, cell: (row) => number(row.new), sortBy: (row) => row.new },
  { id: "change", title: "change", width: 110, align: "right", mono: true, cell: (row) => (row.change === null ? UNKNOWN : signed(row.change)), sortBy: (row) => row.change },
  { id: "note", title: "", name: "Note", width: 190, grow: true, tone: "warn", cell: (row) => <span title={remark(row)}>{remark(row)}</span> },
];

/** What is not as it was asked for. */
export function remark({ clamped_from: from, note, start, end }: ResetRow): string {
  const clamped = from === null ? null : `${number(from)} is outside of ${number(start)} to ${number(end)}`;
  return [clamped, note].filter(Boolean).join("; ");
}

export function ResetDialog({ cluster, group, topics, onClose }: { cluster: string; group: string; topics: readonly string[]; onClose: () => void }) {
  const [kind, setKind] = useState<Kind>("latest");
  const [text, setText] = useState("");
  const [topic, setTopic] = useState("");
  const [parts, setParts] = useState("");
  const to = target(kind, text);
  const only = scope(topic, parts);
  const request = useMemo<ResetRequest | null>(() => (to === null || only === null ? null : { cluster, group, only: [...only] as ResetScope[], to }), [cluster, group, JSON.stringify(to), JSON.stringify(only)]); // eslint-disable-line react-hooks/exhaustive-deps -- by what they say, not by what they are
  const plan = useCall("group_reset_preview", request ?? { cluster, group, only: [], to: "latest" }, { enabled: request !== null, keep: true });
  const apply = useAction("group_reset", ["group_list", "group_show", "group_reset_preview"]);
  const shown = request === null ? undefined : plan.data;
  const asks = KINDS.find((each) => each.value === kind);
  const rows = shown?.rows.filter((row) => row.change !== 0).length ?? 0;
  const run = () => {
    if (!shown) return;
    const offsets = shown.rows.map((row) => ({ topic: row.topic, partition: row.partition, offset: row.new }));
    apply.mutate({ cluster, group, offsets }, { onSuccess: (done) => { toast.done(`${count(done.rows.length, "offset")} of ${group} moved`, `${count(done.skipped, "record")} skipped, ${number(done.again)} read again.`); onClose(); } });
  };
  const footer = (
    <>
      <span className={styles["sum"]} data-testid="reset-sum">{shown && `${count(shown.skipped, "record")} skipped · ${number(shown.again)} read again`}</span>
      <Button onClick={onClose}>Cancel</Button>
      <Button kind="danger" disabled={!shown || rows === 0 || shown.refused !== null || plan.isFetching || apply.isPending} onClick={run} testId="reset-apply">Move {count(rows, "offset")}</Button>
    </>
  );
  return (
    <Dialog open onClose={onClose} cluster={cluster} title={`Move the offsets of ${group}`} width={860} footer={footer} testId="reset">
      <div className={styles["reset"]}>
        <Select label="Where to" prefix="To" value={kind} choices={KINDS} onChange={(next) => { setKind(next); setText(""); }} testId="reset-kind" />
        {asks?.asks != null && kind !== "csv" && <TextInput label={asks.asks} placeholder={asks.example} value={text} onChange={setText} mono testId="reset-value" />}
        <Select label="Topic" prefix="Of" value={topic} choices={[{ value: "", label: "all that it has committed" }, ...topics.map((name) => ({ value: name, label: name }))]} onChange={setTopic} testId="reset-topic" />
        {topic !== "" && <TextInput label="Partitions" placeholder="all partitions, or 0, 2, 5-7" value={parts} onChange={setParts} mono testId="reset-partitions" />}
      </div>
      {kind === "csv" && <CsvField value={text} onChange={setText} />}
      {shown?.refused != null && <p className={styles["refused"]} role="alert" data-testid="reset-refused">{sentence(shown.refused)}</p>}
      {request !== null && plan.error !== null && <ErrorNote error={plan.error} />}
      {apply.error !== null && <ErrorNote error={apply.error} />}
      <Table
        id="reset-plan"
        label="What changes"
        columns={COLUMNS}
        rowKey={(row) => `${row.topic}/${row.partition}`}
        rows={plan.error === null ? shown?.rows : undefined}
        rowsMax={ROWS_MAX}
        loading={request !== null && plan.isPending}
        empty={<EmptyState title={request === null ? "Where to?" : "Nothing to move"}>{request === null ? `Type ${asks?.asks?.toLowerCase() ?? "it"} above, such as ${asks?.example ?? ""}.` : "What is asked for has no partition."}</EmptyState>}
      />
    </Dialog>
  );
}

function CsvField({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const read = (file: File | undefined) => {
    if (!file) return;
    if (file.size > FILE_BYTES_MAX) {
      toast.failed(`${file.name} was not read`, new Error(`It has ${number(file.size)} bytes: ${number(FILE_BYTES_MAX)} are allowed.`));
      return;
    }
    file.text().then(onChange, (error: unknown) => toast.failed(`${file.name} was not read`, error));
  };
  return (
    <div className={styles["csv"]}>
      <textarea aria-label="Lines of topic,partition,offset" className={`${controls["input"]} mono`} rows={4} placeholder={"orders,0,14200118\norders,1,14198004"} value={value} spellCheck={false} onChange={(event) => onChange(event.target.value)} data-testid="reset-csv" />
      <input type="file" accept=".csv,text/csv,text/plain" aria-label="A file of offsets" onChange={(event) => read(event.target.files?.[0])} data-testid="reset-file" />
    </div>
  );
}
