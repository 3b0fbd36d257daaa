import { useState } from "react";
import type { RecordDetail, RecordRequest, RecordSchema } from "@/bindings";
import { useCall } from "@/platform";
import { Button } from "@/shared/controls";
import { cx } from "@/shared/cx";
import { clip } from "@/shared/clip";
import { bytes, dateTimeMs, number } from "@/shared/format";
import { JsonTree } from "@/shared/JsonTree";
import { ErrorState, Facts, Loading, Tabs } from "@/shared/layout";
import { toast } from "@/shared/overlay";
import { Link, navigate, path } from "@/shared/router";
import { Differences } from "./Differences";
import { HexView } from "./HexView";
import { RawText } from "./RawText";
import styles from "./Records.module.css";

export interface Place {
  partition: number;
  offset: number;
}

interface RecordPaneProps {
  cluster: string;
  topic: string;
  at: Place;
  /** The record that this one is compared with. */
  other: Place | null;
  onCompare: (other: Place | null) => void;
  onClose: () => void;
}

export function RecordPane({ cluster, topic, at, other, onCompare, onClose }: RecordPaneProps) {
  const request: RecordRequest = { cluster, topic, ...at };
  const record = useCall("record_show", request, { keep: true });
  const { data } = record;
  const compared = other !== null && (other.partition !== at.partition || other.offset !== at.offset) ? other : null;
  return (
    <div className={styles["pane"]} data-testid="record" data-offset={data?.offset}>
      <div className={styles["head"]}>
        <b>Record</b>
        <span className="mute" style={{ flex: 1 }}>p {at.partition} · {number(at.offset)}</span>
        <Button kind="quiet" icon aria-label="Close the record" onClick={onClose} testId="record-close">×</Button>
      </div>
      {record.error ? (
        <ErrorState error={record.error} onRetry={() => void record.refetch()} />
      ) : !data ? (
        <Loading />
      ) : (
        <>
          <div className={styles["facts"]}><RecordFacts record={data} /></div>
          {data.key_problem !== null && <p className={cx("bad", styles["problem"])} data-selectable="">The key: {data.key_problem}</p>}
          {data.problem !== null && <p className={cx("bad", styles["problem"])} data-selectable="" data-testid="record-problem">{data.problem}</p>}
          <Value record={data} request={request} compared={compared} />
          <Actions record={data} request={request} other={other} compared={compared} onCompare={onCompare} />
        </>
      )}
    </div>
  );
}

function RecordFacts({ record }: { record: RecordDetail }) {
  return (
    <Facts
      items={[
        ["time", <span key="time" className="mono">{dateTimeMs(record.timestamp_ms)}</span>],
        ["key", <Text key="key" text={record.key} tone="info" />],
        ["value", <span key="value" title={record.value_format.detected ? "Found out from the bytes" : "As chosen for the topic"}>{record.value_format.label}, {bytes(record.value_bytes)}</span>],
        ...record.headers.map((header, index) => [header.name, <Text key={index} text={header.value} />] as const),
      ]}
    />
  );
}

/** What of a key or of a header is shown at once. */
const TEXT_CHARS_MAX = 500;

function Text({ text, tone }: { text: string | null; tone?: "info" }) {
  const [whole, setWhole] = useState(false);
  const { shown, more } = clip(text ?? "null", whole ? Infinity : TEXT_CHARS_MAX);
  return (
    <span className={cx("mono", text === null ? "faint" : tone)} data-selectable="">
      {shown}{more !== null && <> <button type="button" className={styles["more"]} onClick={() => setWhole(true)} data-testid="record-text-more">{more}</button></>}
    </span>
  );
}

type View = "tree" | "raw" | "hex" | "schema" | "compare";

function Value({ record, request, compared }: { record: RecordDetail; request: RecordRequest; compared: Place | null }) {
  const [picked, setPicked] = useState<View | null>(null);
  // Whoever chose the other record wants to see how they differ, whichever view was open.
  const comparing = compared !== null;
  const [compares, setCompares] = useState(comparing);
  if (compares !== comparing) {
    setCompares(comparing);
    if (comparing) setPicked(null);
  }
  const tabs: { id: View; label: string }[] = [
    ...(record.json === null ? [] : [{ id: "tree" as const, label: "Tree" }]),
    { id: "raw", label: "Raw" },
    { id: "hex", label: "Hex" },
    ...(record.schema === null ? [] : [{ id: "schema" as const, label: "Schema" }]),
    ...(compared === null ? [] : [{ id: "compare" as const, label: "Differences" }]),
  ];
  const first = compared === null ? tabs[0]?.id ?? "raw" : "compare";
  const view = tabs.some(({ id }) => id === picked) && picked !== null ? picked : first;
  const { cluster, topic, partition, offset } = request;
  return (
    <div className={styles["value"]}>
      <Tabs label="The value as" value={view} onChange={(id) => setPicked(id as View)} tabs={tabs} testId="record-view">
        {view === "tree" && record.json !== null && <JsonTree text={record.json} label="Value" />}
        {view === "raw" && <RawText key={`${partition}-${offset}`} record={record} request={request} />}
        {view === "hex" && <HexView key={`${partition}-${offset}`} cluster={cluster} topic={topic} partition={partition} offset={offset} total={record.value_bytes} />}
        {view === "schema" && record.schema !== null && <Schema cluster={cluster} schema={record.schema} />}
        {view === "compare" && compared !== null && <Differences left={{ ...request, ...compared }} right={request} />}
      </Tabs>
    </div>
  );
}

/** A button shows its line's beginning. */
const BUTTON_CHARS_MAX = 80;

/** `orders-value, version 3`, opened on the screen of schemas. */
function Use({ cluster, use }: { cluster: string; use: string }) {
  const [, subject, version] = /^(.*), version (\d+)$/.exec(use) ?? [];
  return subject === undefined ? use : <Link to={path("schemas", cluster, subject, { version })} data-testid="record-subject">{use}</Link>;
}

function Schema({ cluster, schema }: { cluster: string; schema: RecordSchema }) {
  const indented = schema.text === null ? null : schema.kind === "Protobuf" ? null : schema.text;
  return (
    <div className={styles["schema"]} data-testid="record-schema">
      <Facts items={[["id", String(schema.id)], ["kind", schema.kind ?? "not known"], ...schema.uses.map((use) => ["subject", <Use key={use} cluster={cluster} use={use} />] as const)]} />
      {schema.problem !== null && <p className="bad">{schema.problem}</p>}
      {indented !== null ? <JsonTree text={indented} label="Schema" testId="record-schema-json" /> : schema.text !== null && <pre>{schema.text}</pre>}
    </div>
  );
}

function Actions({ record, request, other, compared, onCompare }: { record: RecordDetail; request: RecordRequest; other: Place | null; compared: Place | null; onCompare: RecordPaneProps["onCompare"] }) {
  const { cluster, topic, partition, offset } = request;
  // A part of a value is not taken for the value.
  const part = record.json === null && record.text !== null && record.text_bytes > new TextEncoder().encode(record.text).length;
  const copy = () => {
    const text = record.json ?? record.text ?? "";
    navigator.clipboard.writeText(text).then(() => toast.done("Value copied"), (error: unknown) => toast.failed("The value was not copied", error));
  };
  const sameKey = (key: string) => navigate(path("topics", cluster, topic, { from: "beginning", where: `_key = '${key.replaceAll("'", "''")}'` }));
  return (
    <div className={styles["actions"]}>
      {record.key !== null && <Button wide onClick={() => navigate(path("profiles", { search: record.key }))} testId="record-profile">Find the profile of {clip(record.key, BUTTON_CHARS_MAX).shown}</Button>}
      {record.key_column !== null && <Button wide onClick={() => sameKey(record.key_column ?? "")} testId="record-same-key">Records with this key</Button>}
      {other === null ? (
        <Button wide onClick={() => onCompare({ partition, offset })} testId="record-compare">Compare with another record</Button>
      ) : (
        <Button wide onClick={() => onCompare(null)} testId="record-compare-end">{compared === null ? "Choose the other record in the table, or end comparing" : "End comparing"}</Button>
      )}
      <Button wide onClick={copy} testId="record-copy">{part ? `Copy the first ${bytes(new TextEncoder().encode(record.text ?? "").length)} of the value` : "Copy the value"}</Button>
    </div>
  );
}
