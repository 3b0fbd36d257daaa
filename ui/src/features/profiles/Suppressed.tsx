/** Identifiers whose events are dropped, and how many were. They are not kept themselves: to take one back it is typed. */

import { useState } from "react";
import type { Suppression } from "@/bindings";
import { useAction, useCall } from "@/platform";
import { Button, TextInput } from "@/shared/controls";
import { count, dateTime, number } from "@/shared/format";
import { EmptyState, ErrorNote } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { Table, type Column } from "@/shared/table";
import styles from "./profiles.module.css";

const COLUMNS: readonly Column<Suppression>[] = [
  { id: "kind", title: "kind", width: 110, cell: (row) => row.kind, sortBy: (row) => row.kind },
  { id: "hash", title: "SHA-256", width: 150, grow: true, mono: true, tone: "mute", cell: (row) => row.hash, sortBy: (row) => row.hash },
  { id: "since", title: "since", width: 160, tone: "mute", cell: (row) => dateTime(row.since_ms), sortBy: (row) => row.since_ms },
  { id: "dropped", title: "dropped", width: 80, align: "right", mono: true, cell: (row) => number(row.dropped), sortBy: (row) => row.dropped },
];

/** `user_id:u_1`; null: it is not one yet. */
export function identifier(text: string): { kind: string; value: string } | null {
  const at = text.indexOf(":");
  const [kind, value] = [text.slice(0, at).trim(), text.slice(at + 1).trim()];
  return at > 0 && kind !== "" && value !== "" ? { kind, value } : null;
}

export function Suppressed() {
  const [open, setOpen] = useState(false);
  const list = useCall("suppression_list", {}, { topic: "events" });
  const standing = list.data?.filter((row) => row.until_ms === null) ?? [];
  if (standing.length === 0) return null;
  return (
    <>
      <Button kind="quiet" onClick={() => setOpen(true)} testId="suppressed">{count(standing.length, "suppressed identifier")}</Button>
      {open && <SuppressedDialog rows={standing} onClose={() => setOpen(false)} />}
    </>
  );
}

function SuppressedDialog({ rows, onClose }: { rows: readonly Suppression[]; onClose: () => void }) {
  const [text, setText] = useState("");
  const end = useAction("profile_suppress", ["suppression_list"]);
  const found = identifier(text);
  const run = () => found && end.mutate({ profile_id: null, identifiers: [found], end: true }, { onSuccess: ({ done }) => { toast.done(done); setText(""); } });
  const footer = (
    <>
      <TextInput label="Identifier to collect again, as kind:value" placeholder="user_id:u_000001" value={text} onChange={setText} mono />
      <span className={styles["grow"]} />
      <Button disabled={found === null || end.isPending} onClick={run} testId="unsuppress">Collect again</Button>
    </>
  );
  return (
    <Dialog open onClose={onClose} width={680} title="Suppressed identifiers" about="Events that carry any of these are dropped and counted. The identifiers themselves are not kept." footer={footer} testId="suppressed-list">
      <div className={styles["table"]}><Table id="suppressions" label="Suppressed identifiers" columns={COLUMNS} rowKey={(row) => `${row.kind} ${row.hash}`} rows={rows} empty={<EmptyState title="Nothing is suppressed" />} /></div>
      {end.error && <ErrorNote error={end.error} />}
    </Dialog>
  );
}
