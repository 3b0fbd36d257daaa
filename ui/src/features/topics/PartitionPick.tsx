import { useState } from "react";
import type { PartitionDetail } from "@/bindings";
import { Button, TextInput } from "@/shared/controls";
import { compact } from "@/shared/format";
import { Popover } from "@/shared/Popover";
import styles from "./Records.module.css";
import { fromPartitions, toPartitions } from "./start";

interface PickProps {
  /** As in the address: empty for all, or `0, 3-5`. */
  value: string;
  partitions: readonly PartitionDetail[] | undefined;
  onChange: (value: string) => void;
}

/** Which partitions are read: all, or those chosen. A choice takes effect when the panel closes. */
export function PartitionPick({ value, partitions, onChange }: PickProps) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState(value);
  const read = toPartitions(text, partitions?.length ?? null);
  const chosen = new Set(read.partitions);
  const change = (next: boolean) => {
    setOpen(next);
    if (next) setText(value);
    else if (read.partitions !== undefined) onChange(read.partitions.length === partitions?.length ? "" : fromPartitions(read.partitions));
  };
  const toggle = (partition: number) => {
    if (!chosen.delete(partition)) chosen.add(partition);
    setText(fromPartitions([...chosen]));
  };
  return (
    <Popover label={`Partitions: ${value || "all"}`} text={`Partitions: ${value || "all"}`} open={open} onOpenChange={change} width={300} testId="tail-partitions">
      <div className={styles["line"]}>
        <TextInput label="Partitions" mono autoFocus placeholder="all, or 0, 3-5" value={text} onChange={setText} aria-invalid={read.wrong !== undefined} onKeyDown={(event) => event.key === "Enter" && read.wrong === undefined && change(false)} testId="tail-partitions-text" />
        <Button disabled={text === ""} onClick={() => setText("")} testId="tail-partitions-all">All</Button>
        <Button kind="primary" disabled={read.wrong !== undefined} onClick={() => change(false)} testId="tail-partitions-done">Show</Button>
      </div>
      {read.wrong !== undefined && <p className="bad">{read.wrong}</p>}
      <div className={styles["partitions"]}>
        {partitions?.map(({ partition, start, end }) => (
          <button key={partition} type="button" className={styles["choice"]} role="checkbox" aria-checked={chosen.has(partition)} onClick={() => toggle(partition)} data-testid={`tail-partition-${partition}`}>
            <i aria-hidden="true" />{partition}<span className="mute">{start === null || end === null ? "" : compact(end - start)}</span>
          </button>
        ))}
      </div>
    </Popover>
  );
}
