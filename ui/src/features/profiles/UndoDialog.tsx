/** A merge taken back: exactly what becomes of the two, asked once. */

import { useAction, useCall } from "@/platform";
import { ChangeLines } from "@/shared/ChangeLines";
import { ErrorNote, Loading } from "@/shared/layout";
import { Confirm, toast } from "@/shared/overlay";
import { STALE } from "./Identity";

export function UndoDialog({ merge, onClose }: { merge: number; onClose: () => void }) {
  const preview = useCall("merge_undo_preview", { merge });
  const undo = useAction("merge_undo", STALE);
  const { data } = preview;
  const run = async () => {
    const done = await undo.mutateAsync({ merge });
    toast.done(`${done.stays.profile.name} and ${done.leaves.profile.name} are apart`, `Profiles ${done.stays.profile.profile_id} and ${done.leaves.profile.profile_id}.`);
  };
  return (
    <Confirm open danger onClose={onClose} title={data ? `Undo the merge of ${data.together.name}` : "Undo this merge"} action="Undo merge" onConfirm={run} testId="undo">
      {preview.error ? <ErrorNote error={preview.error} /> : data ? <ChangeLines lines={data.lines} warnings={data.warnings} destructive={false} /> : <Loading label="Looking at what came since" />}
    </Confirm>
  );
}
