/** Writing to a topic: one record, or every record of a file. */

import { useState } from "react";
import type { ProduceFormat, ProduceOutcome, ProduceSchema } from "@/bindings";
import { useAction } from "@/platform";
import { count, number } from "@/shared/format";
import { Form, type Field, type FormValues } from "@/shared/Form";
import { ErrorNote, Tabs } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { readTime } from "../start";
import { toHeaders } from "./model";

const SCHEMA: readonly Field[] = [
  { name: "subject", label: "Schema of the value", kind: "text", placeholder: "orders-value", help: "A subject of the cluster's schema registry: the value is JSON that has to fit it. Left empty, it is written as it stands." },
  { name: "key_subject", label: "Schema of the key", kind: "text", placeholder: "orders-key" },
];

const RECORD: readonly Field[] = [
  { name: "key", label: "Key", kind: "text", placeholder: "o-1001" },
  { name: "value", label: "Value", kind: "multiline", placeholder: '{"order_id": "o-1001", "total": 42.5}', help: "Left empty, it is an empty text; a tombstone has no value at all." },
  { name: "tombstone", label: "Tombstone: no value", kind: "boolean" },
  { name: "headers", label: "Headers", kind: "multiline", placeholder: "trace-id=4711", help: "NAME=VALUE, one a line." },
  { name: "partition", label: "Partition", kind: "number", min: 0, help: "Left empty, the key chooses." },
  { name: "timestamp", label: "Time", kind: "text", placeholder: "now" },
  ...SCHEMA,
];

const FORMATS = [
  { value: "", label: "By the file's ending" }, { value: "json_lines", label: "JSON Lines, a record a line" }, { value: "values", label: "A value a line" }, { value: "csv", label: "CSV with a header" },
];

const FILE: readonly Field[] = [
  { name: "path", label: "File", kind: "text", required: true, placeholder: "/home/me/orders.jsonl" },
  { name: "format", label: "Read as", kind: "suggest", choices: FORMATS.slice(1), help: "JSON Lines: {\"key\", \"value\", \"headers\", \"partition\", \"timestamp\"}. CSV: key, value, partition, timestamp, header.NAME. Left empty: by the file's ending." },
  ...SCHEMA,
];

const text = (values: FormValues, name: string): string => String(values[name] ?? "");
const given = (values: FormValues, name: string): string | null => text(values, name).trim() || null;
const schema = (values: FormValues, name: string): ProduceSchema | null => {
  const named = given(values, name);
  return named === null ? null : { subject: named };
};

interface ProduceProps {
  cluster: string;
  topic: string;
  onClose: () => void;
}

export function Produce({ cluster, topic, onClose }: ProduceProps) {
  const [tab, setTab] = useState("record");
  return (
    <Dialog open onClose={onClose} cluster={cluster} title={`Produce to ${topic}`} about={`Records are acknowledged by every in-sync replica, once each.`} width={640} testId="produce">
      <Tabs label="What to produce" value={tab} onChange={setTab} tabs={[{ id: "record", label: "One record" }, { id: "file", label: "A file" }]} testId="produce-tabs">
        <div style={{ paddingTop: 12 }}>{tab === "record" ? <OneRecord cluster={cluster} topic={topic} /> : <AFile cluster={cluster} topic={topic} onClose={onClose} />}</div>
      </Tabs>
    </Dialog>
  );
}

function OneRecord({ cluster, topic }: Omit<ProduceProps, "onClose">) {
  const [values, setValues] = useState<FormValues>({});
  const [errors, setErrors] = useState<Record<string, string>>({});
  const produce = useAction("record_produce", ["topic_show"]);
  const send = () => {
    const headers = toHeaders(text(values, "headers"));
    const at = given(values, "timestamp");
    const timestamp_ms = at === null ? null : readTime(at, Date.now());
    const wrong = {
      ...(headers === null && { headers: "Write NAME=VALUE, one a line." }),
      ...(at !== null && timestamp_ms === null && { timestamp: "Write a time such as 2026-03-09 14:00, or milliseconds since 1970." }),
    };
    setErrors(wrong);
    if (headers === null || Object.keys(wrong).length > 0) return;
    const partition = values["partition"];
    produce.mutate(
      {
        cluster, topic, headers, timestamp_ms,
        key: text(values, "key") === "" ? null : text(values, "key"),
        value: values["tombstone"] === true ? null : text(values, "value"),
        partition: typeof partition === "number" ? partition : null,
        value_schema: schema(values, "subject"), key_schema: schema(values, "key_subject"),
      },
      { onSuccess: (written) => toast.done(`Written to ${topic}`, `Partition ${written.partition}, offset ${number(written.offset)}.`) },
    );
  };
  return (
    <>
      <Form fields={RECORD} values={values} onChange={setValues} onSubmit={send} submit={produce.isPending ? "Writing…" : "Write the record"} errors={errors} busy={produce.isPending} testId="produce-record" />
      {produce.error && <ErrorNote error={produce.error} testId="produce-error" />}
      {produce.data && <p className="mute" data-testid="produced">{`Acknowledged: partition ${produce.data.partition}, offset ${number(produce.data.offset)}.`}</p>}
    </>
  );
}

function AFile({ cluster, topic, onClose }: ProduceProps) {
  const [values, setValues] = useState<FormValues>({});
  const produce = useAction("file_produce", ["topic_show"]);
  const send = () => {
    const format = FORMATS.find(({ value, label }) => value !== "" && (value === values["format"] || label === values["format"]))?.value ?? null;
    produce.mutate(
      { cluster, topic, path: text(values, "path").trim(), format: format as ProduceFormat | null, value_schema: schema(values, "subject"), key_schema: schema(values, "key_subject") },
      { onSuccess: (outcome) => tell(topic, outcome) },
    );
  };
  return (
    <>
      <Form fields={FILE} values={values} onChange={setValues} onSubmit={send} submit={produce.isPending ? "Writing…" : "Write every record"} busy={produce.isPending} testId="produce-file" />
      {produce.isPending && <p className="mute">It goes on when this is closed: <button type="button" className="link" onClick={onClose}>see Activity</button> for how far it is, and to stop it.</p>}
      {produce.error && <ErrorNote error={produce.error} testId="produce-error" />}
      {produce.data && (
        <div data-testid="produce-outcome">
          <p className={produce.data.note === null ? "mute" : "bad"}>{produce.data.note ?? `${count(produce.data.acknowledged, "record")} acknowledged.`}</p>
          {produce.data.failures.map((failure) => <p key={failure.line} className="mute">{`line ${failure.line}: ${failure.reason}`}</p>)}
        </div>
      )}
    </>
  );
}

function tell(topic: string, outcome: ProduceOutcome): void {
  if (outcome.note === null) toast.done(`${count(outcome.acknowledged, "record")} written to ${topic}`);
}
