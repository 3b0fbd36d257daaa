/** A change of the registry, planned and done. */

import type { SchemaChange } from "@/bindings";
import { useAction } from "@/platform";
import { PlannedChange, type PlannedChangeProps } from "@/shared/PlannedChange";
import { STALE } from "./model";

type ChangeDialogProps = Pick<PlannedChangeProps<SchemaChange>, "cluster" | "change" | "action" | "onClose" | "onDone">;

export function ChangeDialog(props: ChangeDialogProps) {
  return <PlannedChange {...props} preview={useAction("schema_change_preview")} apply={useAction("schema_change_apply", STALE)} title={props.action} asking="Asking the registry" testId="schema-change" />;
}
