/** One change of a topic, planned and done. */

import type { TopicChange } from "@/bindings";
import { useAction } from "@/platform";
import { groupedCounts } from "@/shared/format";
import { PlannedChange, type PlannedChangeProps } from "@/shared/PlannedChange";

const STALE = ["topic_list", "topic_show", "topic_config", "topic_compare"] as const;

export type ChangeDialogProps = Pick<PlannedChangeProps<TopicChange>, "cluster" | "title" | "form" | "change" | "action" | "onClose" | "onDone">;

export function ChangeDialog(props: ChangeDialogProps) {
  return <PlannedChange {...props} preview={useAction("topic_change_preview")} apply={useAction("topic_change_apply", STALE)} titled={groupedCounts} asking="Asking the cluster" testId="change" />;
}
