import { useMemo, useState, type ReactNode } from "react";
import type { AudienceDefinition, AudienceDetail, AudiencePreview } from "@/bindings";
import { call, useAction, useCall } from "@/platform";
import { Badge, Button, Dot, TextInput } from "@/shared/controls";
import { toAppError } from "@/shared/errors";
import { ago, bytes, compact, count, duration, number, percent, signed, time } from "@/shared/format";
import { useNow } from "@/shared/frame";
import { Bar, Card, EmptyState, ErrorNote, ErrorState, Heading, Loading, Screen, Split, Stat, Tabs } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { Link, navigate, path, useQueryParam, useRoute } from "@/shared/router";
import { SqlEditor, SqlText, type SqlTables } from "@/shared/sql/SqlEditor";
import { Status } from "@/shared/Status";
import { SvgChart } from "@/shared/SvgChart";
import styles from "./audiences.module.css";
import { Builder } from "./Builder";
import { Changes } from "./Changes";
import { Members } from "./Members";
import { asGroup } from "./model";
import { useDraft, useSettled, type Draft } from "./useDraft";

/** How long a draft rests before it is evaluated. */
const PREVIEW_REST_MS = 350;
const NEW: Readonly<Record<string, AudienceDefinition>> = { conditions: { condition: { all: [] } }, sql: { sql: "select profile_id\nfrom profiles\nwhere user_id is not null" } };

export function AudienceScreen({ name }: { name: string }) {
  const isNew = useRoute().query.get("new") ?? null;
  const detail = useCall("audience_show", { name }, { enabled: isNew === null, topic: "memberships" });
  const crumb = <><Link to={path("audiences")} className="mute">Audiences</Link><span className="faint"> / </span></>;
  if (isNew !== null) return <Editor name={name} detail={null} published={NEW[isNew] ?? { condition: { all: [] } }} crumb={crumb} />;
  if (detail.error) return <Screen testId="screen-audience"><Bar title={<>{crumb}{name}</>} /><ErrorState error={detail.error} onRetry={() => void detail.refetch()} /></Screen>;
  if (!detail.data) return <Loading />;
  return <Editor name={name} detail={detail.data} published={detail.data.definition} crumb={crumb} />;
}

function Editor({ name, detail, published, crumb }: { name: string; detail: AudienceDetail | null; published: AudienceDefinition; crumb: ReactNode }) {
  const draft = useDraft(published);
  const [tab, setTab] = useQueryParam("tab", "definition");
  const [exporting, setExporting] = useState(false);
  const save = useAction("audience_save", ["audience_show", "audience_list", "observed_show", "counts_show"]);
  const unsaved = draft.changed || detail === null;
  const publish = () =>
    save.mutate({ name, definition: draft.definition }, {
      onSuccess: (saved) => {
        toast.done(`${saved.definition.title ?? name} is saved`, saved.file);
        draft.discard();
        if (detail === null) navigate(path("audiences", name), { replace: true });
      },
    });
  const summary = detail?.summary;
  return (
    <Screen testId="screen-audience">
      <Bar
        title={<>{crumb}{draft.definition.title ?? name}</>}
        badge={summary ? <Badge tone={summary.error ? "error" : summary.members === null ? "information" : "ok"}>{summary.error ? "ERROR" : summary.members === null ? "EVALUATING" : "LIVE"}</Badge> : <Badge tone="information">NEW</Badge>}
        sub={detail === null ? "not saved yet" : draft.changed ? "draft differs from what is saved" : detail.file}
        actions={
          <>
            {detail && <Button onClick={() => setExporting(true)} testId="audience-export">Export…</Button>}
            {draft.changed && <Button onClick={draft.discard} testId="audience-discard">Discard</Button>}
            <Button kind="primary" disabled={!unsaved || save.isPending} onClick={publish} testId="audience-save">Save</Button>
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
      {exporting && <Export name={name} onClose={() => setExporting(false)} />}
    </Screen>
  );
}

function Definition({ name, detail, draft }: { name: string; detail: AudienceDetail | null; draft: Draft }) {
  const settled = useSettled(draft.definition, PREVIEW_REST_MS);
  const bySql = draft.definition.sql != null;
  const empty = !bySql && emptyTree(settled);
  const preview = useCall("audience_preview", { name: detail ? name : "", definition: settled }, { keep: true, enabled: !empty });
  const observed = useCall("observed_show", {}).data;
  const sizes = useMemo(() => new Map(preview.data?.conditions.map(({ path: at, size }) => [at, size])), [preview.data]);
  const tables = useMemo<SqlTables>(() => Object.fromEntries((observed?.tables ?? []).map((table) => [table.table, table.columns.map((column) => ({ name: column.name, type: column.data_type }))])), [observed]);
  const failure = preview.error ? toAppError(preview.error) : null;
  const sql = preview.data?.sql ?? detail?.sql;
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
              {!empty && preview.data?.sentence != null && <p className={styles["sentence"]} data-testid="sentence">{preview.data.sentence}</p>}
              <Builder root={asGroup(draft.definition.condition)} onChange={(condition) => draft.set({ ...draft.definition, condition })} observed={observed} sizes={sizes} name={name} />
              {failure && <ErrorNote error={failure} testId="preview-error" />}
              {!empty && sql !== undefined && <div className={styles["text"]}><SqlText value={sql} label="The conditions as SQL" testId="audience-sql-text" /></div>}
            </div>
          )
        }
        second={empty ? <EmptyState title="Everybody, so far">Add a condition: its size, and a sample of who it finds, appear here.</EmptyState> : <Side name={name} detail={detail} preview={preview.data} stale={preview.isPlaceholderData || preview.isFetching} changed={draft.changed} />}
      />
      {preview.data && !empty && (
        <Status>
          <span data-testid="preview-state"><Dot tone={failure ? "error" : "ok"} />as of {time(preview.data.evaluated_ms)}</span>
          <span>exact in {duration(preview.data.took_ms)} over {compact(preview.data.events_scanned)} events</span>
        </Status>
      )}
    </>
  );
}

function emptyTree({ condition }: AudienceDefinition): boolean {
  if (!condition) return true;
  return ("all" in condition && condition.all.length === 0) || ("any" in condition && condition.any.length === 0);
}

function Side({ name, detail, preview, stale, changed }: { name: string; detail: AudienceDetail | null; preview: AudiencePreview | undefined; stale: boolean; changed: boolean }) {
  const syncs = useCall("sync_list", {}, { topic: "syncs" }).data?.filter((sync) => sync.definition.audience === name);
  const summary = detail?.summary;
  const now = useNow(5000);
  const difference = preview && `${signed(preview.entering)} in, ${signed(-preview.exiting)} out`;
  return (
    <div className={styles["side"]} data-testid="audience-side" data-stale={stale}>
      <div className={styles["stats"]}>
        <Stat label="Members" value={number(summary?.members)} note={summary ? `${signed(summary.entered)} in, ${signed(-summary.exited)} out` : "not saved yet"} testId="members" />
        <Stat
          label={changed || !detail ? "Draft would be" : "Evaluated now"}
          value={number(preview?.size)}
          note={preview && (changed ? difference : `${percent(preview.universe === 0 ? null : preview.size / preview.universe)} of ${compact(preview.universe)}`)}
          tone={changed && preview && preview.exiting > preview.entering ? "bad" : changed ? "accent" : "mute"}
          testId="preview-size"
        />
      </div>
      {detail && <Card title="Size"><SvgChart label={`Size of ${name}`} height={110} queryKey={["audience", name]} draw={(style) => call("audience_chart", { name, style }).then((chart) => chart.svg)} everyMs={10_000} testId="chart-size" /></Card>}
      <Heading>Sample</Heading>
      <div className={styles["sample"]} data-testid="sample">
        {preview?.sample.map((member) => (
          <div key={member.profile_id}><Link className="mono info" to={path("profiles", String(member.profile_id))}>{member.name}</Link><span className="mute" title={member.why}>{member.why}</span></div>
        ))}
      </div>
      {preview?.sample.length === 0 && <p className="mute">Nobody.</p>}
      {syncs && syncs.length > 0 && <Heading>Delivered to</Heading>}
      <div className={styles["sample"]}>
        {syncs?.map((sync) => (
          <div key={sync.name}>
            <Link to={path("destinations", sync.definition.destination, { sync: sync.name })}>{sync.name}</Link>
            <span>{sync.error || sync.last_run?.error ? <Badge tone="error">FAILED</Badge> : sync.owed ? <Badge tone="warning">behind by {number(sync.owed)}</Badge> : sync.owed === 0 ? <Badge tone="ok">in step</Badge> : <Badge>unknown</Badge>} <span className="mute">{sync.last_run ? ago(sync.last_run.started_ms, now) : "never run"}</span></span>
          </div>
        ))}
      </div>
    </div>
  );
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
