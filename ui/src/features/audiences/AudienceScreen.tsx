import { useMemo, useState, type ReactNode } from "react";
import type { AudienceDefinition, AudienceDetail } from "@/bindings";
import { useAction, useCall, useRevision } from "@/platform";
import { Badge, Button, Dot, TextInput } from "@/shared/controls";
import { Age } from "@/shared/Age";
import { toAppError } from "@/shared/errors";
import { bytes, compact, count, duration, number, time } from "@/shared/format";
import { Bar, EmptyState, ErrorNote, ErrorState, Loading, Screen, Split, Tabs } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { Link, navigate, path, useQueryParam, useRoute } from "@/shared/router";
import { useShortcut } from "@/shared/shortcuts";
import { SqlEditor, SqlText, type SqlTables } from "@/shared/sql/SqlEditor";
import { Status } from "@/shared/Status";
import styles from "./audiences.module.css";
import { Builder } from "./Builder";
import { Changes } from "./Changes";
import { FindPerson } from "./FindPerson";
import { Members } from "./Members";
import { asGroup, namedPath, withoutPath } from "./model";
import { Side } from "./Side";
import { useDraft, useSettled, type Draft } from "./useDraft";

/** How long a draft rests before it is evaluated. */
const PREVIEW_REST_MS = 350;
/** What is on the screen is evaluated anew this often: events arrive, windows move on. */
const PREVIEW_EVERY_MS = 15_000;
/** As events arrive, it rests at least this long between two evaluations, and longer where one takes long. */
const PREVIEW_EVENTS_MS_MIN = 3000;
const PREVIEW_SHARE_MAX = 5;
/** How old the published membership is, however little it moves. */
const DETAIL_EVERY_MS = 5000;
/** What conditions are completed from grows as events arrive. */
const OBSERVED_EVERY_MS = 30_000;
const NEW: Readonly<Record<string, AudienceDefinition>> = { conditions: { condition: { all: [] } }, sql: { sql: "select profile_id\nfrom profiles\nwhere user_id is not null" } };

export function AudienceScreen({ name }: { name: string }) {
  const isNew = useRoute().query.get("new") ?? null;
  const detail = useCall("audience_show", { name }, { enabled: isNew === null, topic: "memberships", everyMs: DETAIL_EVERY_MS });
  // Names the draft: another workspace may have an audience of the same name.
  const workspace = useCall("workspace_show", {}).data?.path;
  const crumb = <><Link to={path("audiences")} className="mute">Audiences</Link><span className="faint"> / </span></>;
  if (workspace === undefined) return <Loading />;
  if (isNew !== null) return <Editor workspace={workspace} name={name} detail={null} published={NEW[isNew] ?? { condition: { all: [] } }} crumb={crumb} />;
  if (detail.error) return <Screen testId="screen-audience"><Bar title={<>{crumb}{name}</>} /><ErrorState error={detail.error} onRetry={() => void detail.refetch()} /></Screen>;
  if (!detail.data) return <Loading />;
  return <Editor workspace={workspace} name={name} detail={detail.data} published={detail.data.definition} crumb={crumb} />;
}

interface EditorProps {
  workspace: string;
  name: string;
  detail: AudienceDetail | null;
  published: AudienceDefinition;
  crumb: ReactNode;
}

function Editor({ workspace, name, detail, published, crumb }: EditorProps) {
  const draft = useDraft(`${workspace} ${name}`, published);
  const [tab, setTab] = useQueryParam("tab", "definition");
  const [over, setOver] = useState<"export" | "find" | null>(null);
  const save = useAction("audience_save", ["audience_show", "audience_list", "observed_show", "counts_show"]);
  const run = useAction("audience_run", ["audience_show", "audience_list", "audience_members", "audience_changes"]);
  const unsaved = draft.changed || detail === null;
  const nobody = draft.definition.sql == null && emptyTree(draft.definition);
  useShortcut("Ctrl Z", "Undo", "Audience", () => draft.undo?.());
  useShortcut("Ctrl Shift Z", "Redo", "Audience", () => draft.redo?.());
  const publish = () =>
    save.mutate({ name, definition: draft.definition }, {
      onSuccess: (saved) => {
        toast.done(`${saved.definition.title ?? name} is published`, saved.file);
        draft.clear();
        if (detail === null) navigate(path("audiences", name), { replace: true });
      },
    });
  const evaluate = () => run.mutate({ name }, { onSuccess: (done) => toast.done(`${count(done.members, "member")} in ${done.title ?? name}`, done.took_ms === null ? undefined : `Evaluated in ${duration(done.took_ms)}`), onError: (error) => toast.failed(`${name} was not evaluated`, error) });
  const summary = detail?.summary;
  return (
    <Screen testId="screen-audience">
      <Bar
        title={<>{crumb}<Title name={name} title={draft.definition.title ?? ""} onChange={(title) => draft.set({ ...draft.definition, title: title || null })} /></>}
        badge={summary ? <Badge tone={summary.error ? "error" : summary.members === null ? "information" : "ok"}>{summary.error ? "ERROR" : summary.members === null ? "EVALUATING" : "LIVE"}</Badge> : <Badge tone="information">NEW</Badge>}
        sub={<span data-testid="draft-state">{detail === null ? "not published yet" : draft.changed ? "draft differs from published" : detail.file}</span>}
        actions={
          <>
            {(draft.undo ?? draft.redo) && (
              <>
                <Button kind="quiet" icon aria-label="Undo" title="Undo (Ctrl Z)" disabled={!draft.undo} onClick={() => draft.undo?.()} testId="audience-undo">↶</Button>
                <Button kind="quiet" icon aria-label="Redo" title="Redo (Ctrl Shift Z)" disabled={!draft.redo} onClick={() => draft.redo?.()} testId="audience-redo">↷</Button>
              </>
            )}
            {detail && <Button onClick={() => setOver("find")} testId="audience-find">Explain a person…</Button>}
            {detail && <Button disabled={run.isPending} onClick={evaluate} testId="audience-run">{run.isPending ? "Evaluating…" : "Evaluate"}</Button>}
            {detail && <Button onClick={() => setOver("export")} testId="audience-export">Export…</Button>}
            {draft.changed && <Button onClick={draft.discard} testId="audience-discard">Discard</Button>}
            <Button kind="primary" disabled={!unsaved || nobody || save.isPending} {...(nobody && { title: "Add a condition first" })} onClick={publish} testId="audience-save">{save.isPending ? "Publishing…" : "Publish"}</Button>
          </>
        }
      />
      {save.error && <div className={styles["note"]}><ErrorNote error={save.error} testId="audience-save-error" /></div>}
      {summary?.error && <div className={styles["note"]}><ErrorNote error={summary.error} /></div>}
      <Tabs
        label={name}
        value={tab}
        onChange={setTab}
        tabs={[{ id: "definition", label: "Definition" }, ...(summary ? [{ id: "members", label: "Members", note: summary.members === null ? null : number(summary.members) }, { id: "changes", label: "Changes", note: number(summary.entered + summary.exited) }] : [])]}
      >
        {tab === "members" && detail ? <Members name={name} /> : tab === "changes" && detail ? <Changes name={name} /> : <Definition name={name} detail={detail} draft={draft} />}
      </Tabs>
      {over === "export" && <Export name={name} onClose={() => setOver(null)} />}
      {over === "find" && <FindPerson name={name} onClose={() => setOver(null)} />}
    </Screen>
  );
}

/** The title is written where it stands; without one the name stands for it. */
function Title({ name, title, onChange }: { name: string; title: string; onChange: (title: string) => void }) {
  return (
    <span className={styles["title"]}>
      {/* Gives the field the width of what it holds. */}
      <span aria-hidden="true">{title || name}</span>
      <TextInput label="Title" placeholder={name} value={title} onChange={onChange} onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()} testId="audience-title" />
    </span>
  );
}

function Definition({ name, detail, draft }: { name: string; detail: AudienceDetail | null; draft: Draft }) {
  const settled = useSettled(draft.definition, PREVIEW_REST_MS);
  const bySql = draft.definition.sql != null;
  const empty = !bySql && emptyTree(settled);
  // A lone condition is edited as a group of one: its path is the group's.
  const evaluated = useMemo(() => (settled.sql == null ? { ...settled, condition: asGroup(settled.condition) } : settled), [settled]);
  const preview = useCall("audience_preview", { name: detail ? name : "", definition: evaluated }, { keep: true, enabled: !empty, everyMs: PREVIEW_EVERY_MS });
  const restMs = Math.max(PREVIEW_EVENTS_MS_MIN, (preview.data?.took_ms ?? 0) * PREVIEW_SHARE_MAX);
  const evaluateAgain = () => {
    if (!empty) void preview.refetch({ cancelRefetch: false });
  };
  useRevision("events", evaluateAgain, restMs);
  useRevision("memberships", evaluateAgain, restMs);
  const observed = useCall("observed_show", {}, { everyMs: OBSERVED_EVERY_MS }).data;
  const tables = useTables(bySql);
  const sizes = useMemo(() => new Map(preview.data?.conditions.map(({ path: at, size }) => [at, size])), [preview.data]);
  const failure = preview.error ? toAppError(preview.error) : null;
  const shown = failure ? undefined : preview.data;
  const sql = shown?.sql ?? detail?.sql;
  const stale = settled !== draft.definition || preview.isPlaceholderData;
  return (
    <>
      <Split
        id="audience"
        initial={380}
        min={300}
        first={
          bySql ? (
            <>
              {failure && <div className={styles["note"]}><ErrorNote error={failure} testId="preview-error" /></div>}
              <div className={styles["editor"]}><SqlEditor bare label="SQL of the audience" value={draft.definition.sql ?? ""} onChange={(text) => draft.set({ ...draft.definition, sql: text })} tables={tables} error={failure} testId="audience-sql" /></div>
            </>
          ) : (
            <div className={styles["builder"]}>
              {!empty && preview.data?.sentence != null && <p className={styles["sentence"]} data-stale={stale || failure !== null} data-testid="sentence">{preview.data.sentence}</p>}
              {empty && <p className="mute">Say who belongs: add a condition. Names and values are completed from what was really observed.</p>}
              <Builder root={asGroup(draft.definition.condition)} onChange={(condition) => draft.set({ ...draft.definition, condition })} observed={observed} sizes={sizes} name={name} wrong={failure && namedPath(failure.message)} />
              {failure && <ErrorNote error={{ ...failure, message: withoutPath(failure.message) }} testId="preview-error" />}
              {!empty && sql !== undefined && (
                <div className={styles["asSql"]}>
                  <div className={styles["sqlHead"]}><span>As SQL</span><Button kind="quiet" disabled={stale || failure !== null} title="Go on in SQL: the conditions are replaced by it. Undo brings them back." onClick={() => draft.set({ ...draft.definition, condition: null, sql })} testId="audience-to-sql">Edit as SQL</Button></div>
                  <div className={styles["text"]}><SqlText value={sql} label="The conditions as SQL" testId="audience-sql-text" /></div>
                </div>
              )}
            </div>
          )
        }
        second={empty ? <EmptyState title="Everybody, so far">Add a condition: its size, and a sample of who it finds, appear here.</EmptyState> : <Side name={name} detail={detail} preview={shown} stale={stale} changed={draft.changed} failed={failure !== null} />}
      />
      {(preview.data ?? failure) && !empty && (
        <Status>
          <span data-testid="preview-state" data-stale={stale}><Dot tone={failure ? "error" : stale ? "information" : "ok"} />{failure ? "the draft cannot be evaluated" : stale ? "evaluating" : <span>as of {time(preview.data?.evaluated_ms)}, <Age atMs={preview.data?.evaluated_ms} testId="preview-age" /></span>}</span>
          {!failure && preview.data && <span>exact in {duration(preview.data.took_ms)} {preview.data.events === null ? "" : `over ${compact(preview.data.events)} events`}</span>}
        </Status>
      )}
    </>
  );
}

/** Tables and columns to complete SQL from. */
function useTables(enabled: boolean): SqlTables {
  const catalog = useCall("sql_catalog", {}, { enabled, topic: "definitions" }).data;
  // A definition is over what was collected: topics are no tables there.
  return useMemo(() => Object.fromEntries((catalog?.tables ?? []).filter((table) => table.topic === null).map((table) => [table.name, table.columns.map((column) => ({ name: column.name, type: column.data_type }))])), [catalog]);
}

function emptyTree({ condition }: AudienceDefinition): boolean {
  if (!condition) return true;
  return ("all" in condition && condition.all.length === 0) || ("any" in condition && condition.any.length === 0);
}

function Export({ name, onClose }: { name: string; onClose: () => void }) {
  const [file, setFile] = useState(`${name}.csv`);
  const write = useAction("audience_export");
  const run = () => write.mutate({ name, path: file }, { onSuccess: (written) => { toast.done(`Wrote ${count(written.rows, "member")}`, `${written.path} · ${bytes(written.bytes)}`); onClose(); } });
  return (
    <Dialog open onClose={onClose} title={`Export ${name}`} about="Every member, as of the last evaluation." footer={<><Button onClick={onClose}>Cancel</Button><Button kind="primary" disabled={write.isPending} onClick={run} testId="audience-export-action">Write the file</Button></>} testId="audience-export-dialog">
      <TextInput label="File: ends in .csv, .parquet or .json" value={file} onChange={setFile} testId="audience-export-path" />
      {write.error && <div style={{ marginTop: 12 }}><ErrorNote error={write.error} /></div>}
    </Dialog>
  );
}
