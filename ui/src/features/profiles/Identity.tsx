/** What a profile was put together from: the graph as a picture, and each merge with its evidence and its undo. */

import { useState } from "react";
import type { Merge, ProfileDetail } from "@/bindings";
import { useAction, useCall } from "@/platform";
import { Badge, Button } from "@/shared/controls";
import { dateTime } from "@/shared/format";
import { ErrorNote, Heading, Loading, Pane } from "@/shared/layout";
import { toast } from "@/shared/overlay";
import { Graph } from "./Graph";
import styles from "./profiles.module.css";
import { UndoDialog } from "./UndoDialog";

export const STALE = ["profile_show", "profile_search", "profile_graph", "profile_events", "trait_history"] as const;

export function Identity({ profile }: { profile: ProfileDetail }) {
  const graph = useCall("profile_graph", { profile_id: profile.summary.profile_id }, { topic: "events", keep: true });
  const [picked, setPicked] = useState<number | null>(null);
  const [undoing, setUndoing] = useState<number | null>(null);
  return (
    <Pane testId="profile-identity">
      {graph.error ? <ErrorNote error={graph.error} /> : graph.data ? <Graph graph={graph.data} picked={picked} onPick={setPicked} /> : <Loading />}
      <Heading>Merges</Heading>
      {profile.merges.length === 0 && <p className="mute">Nothing was ever merged into it.</p>}
      {profile.merges.map((merge) => <OneMerge key={merge.merge} merge={merge} picked={picked === merge.merge} onPick={() => setPicked(merge.merge)} onUndo={() => setUndoing(merge.merge)} />)}
      {undoing !== null && <UndoDialog merge={undoing} onClose={() => setUndoing(null)} />}
    </Pane>
  );
}

function OneMerge({ merge, picked, onPick, onUndo }: { merge: Merge; picked: boolean; onPick: () => void; onUndo: () => void }) {
  const allow = useAction("merge_allow", STALE);
  const names = (of: Merge["merged_before"]) => (of.length === 0 ? "nothing else" : of.map((each) => `${each.kind}=${each.value}`).join(", "));
  return (
    <section className={styles["merge"]} data-picked={picked || undefined} data-testid="merge" data-key={merge.merge} onMouseEnter={onPick} onFocus={onPick}>
      <div className={styles["mergeHead"]}>
        <span className="mono">#{merge.merged_profile_id} → #{merge.surviving_profile_id}</span>
        <span className="mute">{dateTime(merge.merged_ms)}</span>
        {merge.refused && <Badge tone="warning">undone, kept apart</Badge>}
        {merge.undone_ms !== null && !merge.refused && <Badge>undone, may merge again</Badge>}
        <span className={styles["grow"]} />
        {merge.undone_ms === null && <Button onClick={onUndo} testId="merge-undo">Undo…</Button>}
        {merge.refused && <Button disabled={allow.isPending} onClick={() => allow.mutate({ merge: merge.merge }, { onSuccess: () => toast.done("They may be merged again", "The next event that ties the two does it."), onError: (error) => toast.failed("Nothing was changed", error) })} testId="merge-allow">Allow again</Button>}
      </div>
      <dl className={styles["evidence"]} data-selectable="">
        <dt>tied by</dt><dd className="mono">{merge.evidence || "deleted with its person"}</dd>
        <dt>event</dt><dd><span className="mono">{merge.message_id || "deleted"}</span>{merge.source !== null && <span className="mute"> from {merge.source}</span>}</dd>
        <dt>#{merge.surviving_profile_id} had</dt><dd className="mono">{names(merge.survivor_before)}</dd>
        <dt>#{merge.merged_profile_id} had</dt><dd className="mono">{names(merge.merged_before)}</dd>
        {merge.undone_ms !== null && <><dt>undone</dt><dd className="mute">{dateTime(merge.undone_ms)}</dd></>}
      </dl>
    </section>
  );
}
