/** Copying the records of a topic to another, byte for byte. */

import { useState } from "react";
import type { CopyOutcome, Interrupted } from "@/bindings";
import { useAction, useCall } from "@/platform";
import { Button } from "@/shared/controls";
import { toAppError } from "@/shared/errors";
import { count, number } from "@/shared/format";
import { Form, type Field, type FormValues } from "@/shared/Form";
import { ErrorNote } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { path } from "@/shared/router";
import { isStartKind, toStart } from "../start";
import { toPositions } from "./model";

interface CopyProps {
  cluster: string;
  topic: string;
  /** The filter of the tail that is looked at. */
  where: string;
  onClose: () => void;
}

export function Copy({ cluster, topic, where, onClose }: CopyProps) {
  const [form, setForm] = useState<FormValues>({ to_cluster: null, to_topic: topic, filter: where, from: "beginning", stop_at_end: true, keep_timestamps: true, keep_partition: false });
  const clusters = useCall("cluster_list", {});
  const writable = (clusters.data ?? []).filter((each) => !each.read_only);
  // Another cluster is meant more often than the same one.
  const usual = (writable.find(({ name }) => name !== cluster) ?? writable[0])?.name ?? null;
  const shown = { ...form, to_cluster: form["to_cluster"] ?? usual };
  const values = (name: string) => String((shown as FormValues)[name] ?? "");
  const fields: readonly Field[] = [
    { name: "to_cluster", label: "To the cluster", kind: "choice", required: true, choices: writable.map(({ name }) => ({ value: name, label: name })), help: "Read-only clusters are left out." },
    { name: "to_topic", label: "To the topic", kind: "text", required: true, help: "It has to exist." },
    { name: "filter", label: "Only records where", kind: "sql" },
    { name: "from", label: "From", kind: "choice", required: true, choices: [{ value: "beginning", label: "the beginning" }, { value: "end", label: "now on" }, { value: "positions", label: "offsets by partition" }] },
    ...(values("from") === "positions" ? [{ name: "positions", label: "Offsets", kind: "text", required: true, placeholder: "0:120,1:98", help: "PARTITION:OFFSET, as an interrupted copy says." } satisfies Field] : []),
    { name: "stop_at_end", label: "Stop at the end that the topic has now", kind: "boolean" },
    { name: "keep_partition", label: "Keep partitions", kind: "boolean" },
    { name: "keep_timestamps", label: "Keep times", kind: "boolean" },
  ];
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const copy = useAction("topic_copy", ["topic_show"]);
  const send = (interrupted: Interrupted) => {
    const from = values("from");
    const positions = from === "positions" ? toPositions(values("positions")) : [];
    setWrong(positions === null ? { positions: "Write PARTITION:OFFSET, with commas between them." } : {});
    if (positions === null) return;
    const start = isStartKind(from) ? (toStart(from, "").start ?? "beginning") : "beginning";
    copy.mutate(
      {
        from_cluster: cluster, topic, to_cluster: values("to_cluster"), to_topic: values("to_topic").trim(), filter: values("filter").trim() || null, start, offsets: positions,
        stop_at_end: form["stop_at_end"] === true, keep_partition: form["keep_partition"] === true, keep_timestamps: form["keep_timestamps"] === true, interrupted,
      },
      { onSuccess: (outcome) => tell(outcome) },
    );
  };
  const interrupted = copy.error && toAppError(copy.error).code === "copy_interrupted";
  return (
    <Dialog open onClose={onClose} cluster={values("to_cluster") || undefined} title={`Copy records of ${topic}`} about={`From ${cluster}. Keys, values and headers are copied byte for byte.`} width={600} testId="copy">
      <Form fields={fields} values={shown} onChange={setForm} onSubmit={() => send("ask")} submit={copy.isPending ? "Copying…" : "Copy"} errors={wrong} busy={copy.isPending} testId="copy-form" />
      {copy.isPending && <p className="mute">It goes on when this is closed: <a href={path("activity")}>Activity</a> shows how far it is, and stops it.</p>}
      {copy.error && <ErrorNote error={copy.error} testId="copy-error" />}
      {interrupted && (
        <div style={{ display: "flex", gap: 8, marginTop: 8 }}>
          <Button kind="primary" onClick={() => send("go_on")} testId="copy-go-on">Go on from there</Button>
          <Button onClick={() => send("anew")} testId="copy-anew">Begin anew</Button>
        </div>
      )}
      {copy.data && (
        <p className={copy.data.complete ? "mute" : "bad"} data-testid="copy-outcome" data-selectable="">
          {`Scanned ${number(copy.data.scanned)}, matched ${number(copy.data.matched)}, copied ${number(copy.data.copied)}${copy.data.failed + copy.data.uncertain > 0 ? `, not copied ${number(copy.data.failed)}, uncertain ${number(copy.data.uncertain)}` : ""}; ${copy.data.note}.`}
        </p>
      )}
    </Dialog>
  );
}

function tell(outcome: CopyOutcome): void {
  if (outcome.complete) toast.done(`${count(outcome.copied, "record")} copied`);
}
