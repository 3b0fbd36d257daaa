import { useState } from "react";
import type { QuarantineReplay, SourceSummary } from "@/bindings";
import { useAction } from "@/platform";
import { Button } from "@/shared/controls";
import { toAppError } from "@/shared/errors";
import { count, number } from "@/shared/format";
import { ErrorNote } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { SqlEditor } from "@/shared/sql/SqlEditor";
import { BeforeAfter } from "./BeforeAfter";
import styles from "./events.module.css";

/** Records of the quarantine, tried with another transformation: seen first, then replayed. */
export function Mend({ source, ids, event, onClose }: { source: SourceSummary; ids: readonly number[]; event: string; onClose: () => void }) {
  const [sql, setSql] = useState(source.definition.transform ?? "SELECT * FROM events");
  const [filter, setFilter] = useState(ids.length === 0 && event !== "" ? `event = '${event.replaceAll("'", "''")}'` : "");
  const [tried, setTried] = useState<{ sql: string; filter: string; outcome: QuarantineReplay } | null>(null);
  const preview = useAction("quarantine_replay");
  const replay = useAction("quarantine_replay", ["quarantine_list", "source_list"]);
  const request = { source: source.name, ids: [...ids], filter: filter.trim() === "" ? null : filter, transform: sql.trim() === "" ? null : sql };
  const look = () => preview.mutate({ ...request, dry_run: true }, { onSuccess: (outcome) => setTried({ sql, filter, outcome }) });
  const fresh = tried !== null && tried.sql === sql && tried.filter === filter;
  const outcome = fresh ? tried.outcome : null;
  const passes = outcome === null ? 0 : outcome.collected + outcome.duplicates + outcome.left_out;
  const run = () =>
    replay.mutate({ ...request, dry_run: false }, {
      onSuccess: (done) => {
        toast.done(`${count(done.collected, "record")} became events, ${number(done.stayed)} stayed`);
        onClose();
      },
    });
  const failure = replay.error ?? preview.error;
  return (
    <Dialog
      open
      onClose={onClose}
      title={ids.length === 1 ? "Mend and replay a record" : "Mend and replay the quarantine"}
      about="SELECT … FROM events changes an event; SELECT … FROM records says how a record that is no event becomes one. What then passes is collected once; the rest stays with its new reason."
      width={1100}
      testId="mend"
      footer={<>
        {outcome && <span className="mute" data-testid="mend-outcome">{`${count(outcome.records, "record")}: ${number(outcome.collected)} become events, ${number(outcome.duplicates)} were collected before, ${number(outcome.left_out)} are left out, ${number(outcome.stayed)} stay`}</span>}
        <Button onClick={onClose}>Close</Button>
        <Button onClick={look} disabled={preview.isPending} keys="Shift Enter" testId="mend-preview">Preview</Button>
        <Button kind="primary" onClick={run} disabled={passes === 0 || replay.isPending} testId="mend-replay">{outcome ? `Replay ${number(passes)}` : "Replay"}</Button>
      </>}
    >
      <div className={styles["mendSql"]}><SqlEditor label="Transformation" value={sql} onChange={setSql} onRun={look} error={failure ? toAppError(failure) : null} testId="mend-sql" /></div>
      {ids.length === 0 && <div className={styles["mendFilter"]}><SqlEditor line label="Which records" value={filter} onChange={setFilter} onRun={look} placeholder="which: event = 'Order Completed' and reason like '%amount%'; empty: all" testId="mend-filter" /></div>}
      {failure && <ErrorNote error={failure} testId="mend-error" />}
      {outcome && <BeforeAfter rows={outcome.sample} id="mend" />}
    </Dialog>
  );
}
