import { useState } from "react";
import type { SourcePreview, SourceSummary } from "@/bindings";
import { useAction } from "@/platform";
import { Button } from "@/shared/controls";
import { toAppError } from "@/shared/errors";
import { count, number } from "@/shared/format";
import { Bar, EmptyState, ErrorNote } from "@/shared/layout";
import { toast } from "@/shared/overlay";
import { isTopic } from "@/shared/sources";
import { SqlEditor } from "@/shared/sql/SqlEditor";
import { BeforeAfter } from "./BeforeAfter";
import styles from "./events.module.css";

/** The newest records that a preview looks at. */
const RECORDS = 30;

/** A source's transformation: tried on live records before it is saved. */
export function Transformation({ source }: { source: SourceSummary }) {
  const saved = source.definition.transform ?? "";
  const [sql, setSql] = useState(saved);
  const [tried, setTried] = useState<{ sql: string; found: SourcePreview } | null>(null);
  const preview = useAction("source_preview");
  const save = useAction("source_transform_save", ["source_list"]);
  const look = () => preview.mutate({ name: source.name, transform: sql, count: RECORDS }, { onSuccess: (found) => setTried({ sql, found }) });
  const newest = isTopic(source.definition) ? `records of ${source.definition.topic ?? ""}` : "events that were posted, so far as they are kept";
  const rows = tried?.found.rows;
  const failing = rows?.filter(({ outcome }) => outcome !== "event" && outcome !== "left_out").length ?? 0;
  const fresh = tried !== null && tried.sql === sql;
  const changed = sql.trim() !== saved.trim();
  const failure = save.error ?? preview.error;
  return (
    <>
      <Bar
        level={2}
        title="Transformation"
        sub={fresh && rows ? `${count(rows.length, "record")}: ${number(rows.filter(({ outcome }) => outcome === "event").length)} events, ${number(rows.filter(({ outcome }) => outcome === "left_out").length)} left out, ${number(failing)} kept apart` : changed ? "Not saved: preview it on live records first" : saved === "" ? "None: events are collected as they are" : "What every event of this source goes through"}
        actions={<>
          {changed && <Button onClick={() => setSql(saved)}>Revert</Button>}
          <Button onClick={look} disabled={preview.isPending} keys="Shift Enter" testId="transform-preview">Preview</Button>
          <Button kind="primary" disabled={!changed || !fresh || save.isPending} onClick={() => save.mutate({ name: source.name, transform: sql.trim() === "" ? null : sql }, { onSuccess: () => toast.done(`sources/${source.name} is saved: what is collected from now on goes through it`) })} testId="transform-save">Save</Button>
        </>}
      />
      <div className={styles["transform"]}>
        <SqlEditor label={`Transformation of ${source.name}`} value={sql} onChange={setSql} onRun={look} error={failure ? toAppError(failure) : null} placeholder="SELECT * EXCLUDE (phone), sha256(phone) AS phone_hash FROM events WHERE event <> 'Heartbeat'" testId="transform-sql" />
      </div>
      {failure && <div className={styles["note"]}><ErrorNote error={failure} testId="transform-error" /></div>}
      {rows ? <BeforeAfter rows={rows} id="transform" /> : <EmptyState title="See what becomes of live records">{`Write SELECT … FROM events: rename, cast, derive, leave columns out, hash with sha256(); address.zip is what a property nests; WHERE leaves events out. Preview takes the newest ${RECORDS} ${newest}.`}</EmptyState>}
    </>
  );
}
