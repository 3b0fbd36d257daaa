import { useState } from "react";
import type { FormatDefinition, FormatSummary, FormatUsed, TopicFormats } from "@/bindings";
import { useAction, useCall } from "@/platform";
import { Button, Select, TextInput } from "@/shared/controls";
import { ErrorNote, Heading } from "@/shared/layout";
import { Popover } from "@/shared/Popover";
import styles from "./Records.module.css";

interface FormatPickProps {
  cluster: string;
  topic: string;
  valueFormat: FormatUsed | null;
  keyFormat: FormatUsed | null;
  /** What was chosen is remembered: the records have to be read again. */
  onSaved: () => void;
}

/** What keys and values are read as. A choice is remembered with the topic, in the cluster's file. */
export function FormatPick({ cluster, topic, valueFormat, keyFormat, onSaved }: FormatPickProps) {
  const [open, setOpen] = useState(false);
  const [draft, setDraft] = useState<TopicFormats>({});
  const formats = useCall("format_list", {}, { enabled: open }).data ?? [];
  const save = useAction("topic_formats_save", ["record_show"]);
  const change = (next: boolean) => {
    setOpen(next);
    if (next) setDraft({ value: chosen(valueFormat), key: chosen(keyFormat) });
    if (next) save.reset();
  };
  const use = () =>
    save.mutate(
      { cluster, topic, formats: draft },
      {
        onSuccess: () => {
          setOpen(false);
          onSaved();
        },
      },
    );
  const text = valueFormat?.label ?? "…";
  return (
    <Popover label={`Read as: ${text}`} text={`As: ${text}`} open={open} onOpenChange={change} width={360} testId="tail-format">
      <Part what="Value" used={valueFormat} formats={formats} value={draft.value ?? null} onChange={(value) => setDraft({ ...draft, value })} />
      <Part what="Key" used={keyFormat} formats={formats} value={draft.key ?? null} onChange={(key) => setDraft({ ...draft, key })} />
      {save.error && <ErrorNote error={save.error} testId="tail-format-error" />}
      <div className={styles["formatFoot"]}>
        <span className="mute">Remembered in clusters/{cluster}.toml</span>
        <Button kind="primary" disabled={save.isPending} onClick={use} testId="tail-format-use">Use</Button>
      </div>
    </Popover>
  );
}

function chosen(used: FormatUsed | null): FormatDefinition | null {
  return used === null || used.detected ? null : used.definition;
}

const AUTOMATIC = "automatic";

function Part({ what, used, formats, value, onChange }: { what: "Value" | "Key"; used: FormatUsed | null; formats: readonly FormatSummary[]; value: FormatDefinition | null; onChange: (value: FormatDefinition | null) => void }) {
  const found = used?.detected === true ? `Automatic: ${used.label}` : "Automatic";
  const needs = formats.find(({ name }) => name === value?.format)?.schema === true;
  const set = (change: Partial<FormatDefinition>) => value !== null && onChange({ ...value, ...change });
  const id = what.toLowerCase();
  return (
    <div className={styles["format"]}>
      <Heading>{what}</Heading>
      <Select label={`${what} is read as`} value={value?.format ?? AUTOMATIC} choices={[{ value: AUTOMATIC, label: found }, ...formats.map(({ name, label }) => ({ value: name, label }))]} onChange={(name) => onChange(name === AUTOMATIC ? null : { format: name })} testId={`tail-format-${id}`} />
      {value !== null && needs && (
        <>
          <TextInput label={`Schema of the ${id}`} mono placeholder={value.format === "avro" ? "schemas/order.avsc, or empty: the registry's" : "schemas/order.proto, or empty: the registry's"} value={value.schema ?? ""} onChange={(schema) => set({ schema: schema.trim() === "" ? null : schema.trim() })} testId={`tail-format-${id}-schema`} />
          {value.format === "protobuf" && value.schema != null && <TextInput label={`Message of the ${id}`} mono placeholder="shop.v1.Order" value={value.message ?? ""} onChange={(message) => set({ message: message.trim() === "" ? null : message.trim() })} testId={`tail-format-${id}-message`} />}
        </>
      )}
      {value?.format === "csv" && <TextInput label={`Delimiter of the ${id}`} mono placeholder="," value={value.delimiter ?? ""} onChange={(delimiter) => set({ delimiter: delimiter === "" ? null : delimiter })} testId={`tail-format-${id}-delimiter`} />}
    </div>
  );
}
