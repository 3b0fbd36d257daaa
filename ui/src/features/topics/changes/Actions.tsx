/** What can be done to a topic, behind one button. On a read-only cluster it says why nothing can. */

import { useState } from "react";
import type { TopicDetail } from "@/bindings";
import { useCall } from "@/platform";
import { Popover } from "@/shared/Popover";
import { navigate, path } from "@/shared/router";
import styles from "../topics.module.css";
import { AddPartitionsDialog, CopySettingsDialog, DeleteRecordsDialog, DeleteTopicDialog } from "./dialogs";

const ACTIONS = [
  { id: "add-partitions", title: "Add partitions…" },
  { id: "copy-settings", title: "Copy settings from…" },
  { id: "delete-records", title: "Delete records…", danger: true },
  { id: "delete-topic", title: "Delete topic…", danger: true },
] as const;
type Action = (typeof ACTIONS)[number]["id"];

/** Whether nothing on the cluster may be changed. */
export function useReadOnly(cluster: string): boolean {
  return useCall("cluster_list", {}).data?.find(({ name }) => name === cluster)?.read_only ?? false;
}

export function Actions({ cluster, detail }: { cluster: string; detail: TopicDetail }) {
  const readOnly = useReadOnly(cluster);
  const [open, setOpen] = useState(false);
  const [action, setAction] = useState<Action | null>(null);
  const close = () => setAction(null);
  const of = { cluster, topic: detail.name, onClose: close };
  return (
    <>
      <Popover label="Change this topic" text="Change" open={open} onOpenChange={setOpen} width={230} testId="topic-change">
        {readOnly && <p className="mute" style={{ marginBottom: 6 }}>{cluster} is read-only.</p>}
        <div className={styles["list"]}>
          {ACTIONS.map((each) => (
            <button key={each.id} type="button" className={styles["entry"]} disabled={readOnly || (each.id === "delete-topic" && detail.internal)} onClick={() => { setOpen(false); setAction(each.id); }} data-testid={`topic-${each.id}`}>
              <span className={"danger" in each && !readOnly ? "bad" : undefined}>{each.title}</span>
            </button>
          ))}
        </div>
      </Popover>
      {action === "add-partitions" && <AddPartitionsDialog {...of} has={detail.partitions.length} />}
      {action === "copy-settings" && <CopySettingsDialog {...of} />}
      {action === "delete-records" && <DeleteRecordsDialog {...of} partitions={detail.partitions} />}
      {action === "delete-topic" && <DeleteTopicDialog {...of} onDone={() => navigate(path("topics", cluster))} />}
    </>
  );
}
