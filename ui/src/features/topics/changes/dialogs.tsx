/** What each change of a topic asks for. */

import { useMemo, useState } from "react";
import type { ConfigEntry, PartitionDetail, TopicChange } from "@/bindings";
import { useCall } from "@/platform";
import { Combobox, Select, Switch, TextInput, type Choice } from "@/shared/controls";
import { sourceName } from "@/shared/ConfigTable";
import { Form, type FormValues } from "@/shared/Form";
import { count } from "@/shared/format";
import { fromPartitions, toPartitions, withZone, readTime } from "../start";
import { ChangeDialog } from "./ChangeDialog";
import { toBefore, toCount, toCreate, toTopic, type DeleteKind } from "./forms";

interface DialogOf {
  cluster: string;
  topic: string;
  onClose: () => void;
}

/** Topics of this cluster and, once one of them is written, of the others. */
export function useTopicChoices(cluster: string, written: string): readonly Choice[] {
  const clusters = useCall("cluster_list", {}).data;
  const named = clusters?.find(({ name }) => written.startsWith(`${name}/`))?.name ?? cluster;
  const topics = useCall("topic_list", { cluster: named }, { enabled: named !== "" }).data;
  return useMemo(() => {
    const own = (topics?.topics ?? []).filter(({ internal }) => !internal).map(({ name }) => ({ value: `${named}/${name}`, label: `${named}/${name}` }));
    const others = (clusters ?? []).filter(({ name }) => name !== named).map(({ name }) => ({ value: `${name}/`, label: `${name}/…` }));
    return [...own, ...others];
  }, [topics, clusters, named]);
}

export function NewTopicDialog({ cluster, onClose, onDone }: { cluster: string; onClose: () => void; onDone: (topic: string) => void }) {
  const [values, setValues] = useState<FormValues>({ topic: "", partitions: null, replication: null, settings: "", like: "" });
  const text = (name: string) => String(values[name] ?? "");
  const choices = useTopicChoices(cluster, text("like"));
  const { change, wrong } = toCreate({ topic: text("topic"), partitions: text("partitions"), replication: text("replication"), settings: text("settings"), like: text("like") });
  const form = (
    <Form
      testId="new-topic"
      values={values}
      onChange={setValues}
      errors={wrong === undefined ? {} : { settings: wrong }}
      fields={[
        { name: "topic", label: "Name", kind: "text", required: true, placeholder: "shop.orders" },
        { name: "partitions", label: "Partitions", kind: "number", placeholder: "the cluster's default" },
        { name: "replication", label: "Replication", kind: "number", placeholder: "the cluster's default" },
        { name: "like", label: "As another topic", kind: "suggest", choices, help: "Takes from it what is not given here; records are not copied." },
        { name: "settings", label: "Settings", kind: "multiline", placeholder: "cleanup.policy = compact\nretention.ms = 604800000", help: "One a line." },
      ]}
    />
  );
  return <ChangeDialog cluster={cluster} title="New topic" form={form} change={change} action="Make the topic" onClose={onClose} onDone={() => onDone(text("topic").trim())} />;
}

export function AddPartitionsDialog({ cluster, topic, has, onClose }: DialogOf & { has: number }) {
  const [total, setTotal] = useState(String(has + 1));
  const wanted = toCount(total);
  const form = <Form testId="add-partitions" values={{ total }} onChange={(values) => setTotal(String(values["total"] ?? ""))} fields={[{ name: "total", label: "Partitions afterwards", kind: "number", required: true, min: has + 1, help: `It has ${count(has, "partition")} now.` }]} />;
  return <ChangeDialog cluster={cluster} title={`Add partitions to ${topic}`} form={form} change={typeof wanted === "number" ? { kind: "add_partitions", topic, total: wanted } : null} action="Add partitions" onClose={onClose} />;
}

const POINTS: readonly Choice<DeleteKind>[] = [{ value: "end", label: "all records that are there now" }, { value: "time", label: "records before a time" }, { value: "offset", label: "records before an offset" }];

export function DeleteRecordsDialog({ cluster, topic, partitions, onClose }: DialogOf & { partitions: readonly PartitionDetail[] | undefined }) {
  const [kind, setKind] = useState<DeleteKind>("time");
  const [at, setAt] = useState("");
  const [chosen, setChosen] = useState("");
  const before = toBefore(kind, at, Date.now());
  const read = toPartitions(chosen, partitions?.length ?? null);
  const time = kind === "time" ? readTime(at, Date.now()) : null;
  const change: TopicChange | null = before === null || read.wrong !== undefined ? null : { kind: "delete_records", topic, before, partitions: chosen.trim() === "" ? [] : [...read.partitions] };
  const form = (
    <div style={{ display: "grid", gap: 10, justifyItems: "start" }} data-testid="delete-records">
      <Select label="Delete" prefix="Delete" value={kind} choices={POINTS} onChange={setKind} testId="delete-records-kind" />
      {kind !== "end" && <TextInput label={kind === "time" ? "Time" : "Offset"} mono autoFocus placeholder={kind === "time" ? "2026-03-09 14:00, or 14:00 today" : "the first offset that stays"} value={at} onChange={setAt} testId="delete-records-at" style={{ width: 320 }} />}
      {time !== null && <p className="mute">Records from {withZone(time)} on stay.</p>}
      <TextInput label="Partitions" mono placeholder="all partitions, or 0, 3-5" value={chosen} onChange={setChosen} aria-invalid={read.wrong !== undefined} onBlur={() => read.partitions && chosen.trim() !== "" && setChosen(fromPartitions(read.partitions))} testId="delete-records-partitions" style={{ width: 320 }} />
      {read.wrong !== undefined && <p className="bad">{read.wrong}</p>}
    </div>
  );
  return <ChangeDialog cluster={cluster} title={`Delete records of ${topic}`} form={form} change={change} action="Delete the records" onClose={onClose} />;
}

export function DeleteTopicDialog({ cluster, topic, onClose, onDone }: DialogOf & { onDone: () => void }) {
  return <ChangeDialog cluster={cluster} title={`Delete ${topic}`} change={{ kind: "delete", topic }} action="Delete the topic" onClose={onClose} onDone={onDone} />;
}

export function CopySettingsDialog({ cluster, topic, onClose }: DialogOf) {
  const [from, setFrom] = useState("");
  const choices = useTopicChoices(cluster, from);
  const other = toTopic(from);
  const form = (
    <div style={{ display: "grid", gap: 8 }}>
      <p className="mute">Sets on {topic} what is set on the other topic, and resets what is not set there.</p>
      <Combobox label="Copy from" placeholder="cluster/topic" value={from} choices={choices} free onChange={setFrom} testId="copy-from" />
    </div>
  );
  return <ChangeDialog cluster={cluster} title={`Copy settings to ${topic}`} form={form} change={other && { kind: "copy_settings", topic, from: other }} action="Copy the settings" onClose={onClose} />;
}

/** One setting: a value of its own, or back to what the cluster has for it. */
export function SettingDialog({ cluster, topic, entry, onClose }: DialogOf & { entry: ConfigEntry }) {
  const [value, setValue] = useState(entry.value ?? "");
  const [reset, setReset] = useState(false);
  const own = entry.source === "topic";
  const change: TopicChange | null = reset ? { kind: "alter_config", topic, set: {}, reset: [entry.name] } : value === entry.value && own ? null : { kind: "alter_config", topic, set: { [entry.name]: value }, reset: [] };
  const form = (
    <div style={{ display: "grid", gap: 10 }} data-testid="setting">
      <p className="mute">Now <b className="mono">{entry.sensitive ? "secret" : entry.value === "" ? "empty" : (entry.value ?? "not set")}</b>, from: {sourceName(entry.source)}.</p>
      {own && <Switch label="Reset to what the cluster has for it" checked={reset} onChange={setReset} testId="setting-reset" />}
      {!reset && <TextInput label={entry.name} mono autoFocus value={value} onChange={setValue} testId="setting-value" />}
    </div>
  );
  return <ChangeDialog cluster={cluster} title={entry.name} form={form} change={change} action={reset ? "Reset the setting" : "Set the setting"} onClose={onClose} />;
}
