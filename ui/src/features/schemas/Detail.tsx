/** One subject: a version as it is, and two of them beside each other. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import type { SchemaChange, SchemaVersion, SubjectDetail } from "@/bindings";
import { useCall } from "@/platform";
import { Badge, Button, Select, Switch } from "@/shared/controls";
import { count } from "@/shared/format";
import { Bar, ErrorState, Loading, Tabs } from "@/shared/layout";
import { toast } from "@/shared/overlay";
import { Link, navigate, path, useQueryParam, useSetQuery } from "@/shared/router";
import { ChangeDialog } from "./ChangeDialog";
import { CheckDialog } from "./CheckDialog";
import { LevelPick } from "./LevelPick";
import { TYPES } from "./model";
import styles from "./schemas.module.css";
import { Fields, SideBySide } from "./SideBySide";

interface SubjectProps {
  cluster: string;
  subject: string;
  readOnly: boolean;
}

export function Detail({ cluster, subject, readOnly }: SubjectProps) {
  const detail = useCall("subject_show", { cluster, subject }, { keep: true });
  const [tab, setTab] = useQueryParam("tab", "schema");
  const [checking, setChecking] = useState(false);
  const [asked, setAsked] = useState<SchemaChange | null>(null);
  if (detail.error) return <section className={styles["detail"]}><ErrorState error={detail.error} onRetry={() => void detail.refetch()} /></section>;
  const found = detail.data;
  const summary = found?.summary;
  const why = readOnly ? `${cluster} is read-only` : undefined;
  return (
    <section className={styles["detail"]} data-testid="subject-detail">
      <Bar
        level={2}
        title={<span data-selectable="">{subject}</span>}
        badge={summary?.schema_type && <Badge>{TYPES[summary.schema_type]}</Badge>}
        sub={summary && count(summary.versions ?? 0, "version")}
        actions={
          <>
            {summary && <LevelPick cluster={cluster} subject={subject} level={summary.level} global={found.global_level} isGlobal={summary.level_is_global === true} readOnly={readOnly} />}
            <Button kind="primary" disabled={!found} onClick={() => setChecking(true)} testId="schema-check-open">Check a schema…</Button>
            <Button kind="quiet" disabled={readOnly || !found} title={why} onClick={() => setAsked({ kind: "delete", subject })} testId="subject-delete">Delete…</Button>
          </>
        }
      />
      {!found ? (
        <Loading label="Asking the registry" />
      ) : (
        <Tabs label={subject} value={tab} onChange={setTab} tabs={[{ id: "schema", label: "Schema" }, { id: "compare", label: "Compare versions" }]} testId="subject-tabs">
          {tab === "compare" ? <Compare cluster={cluster} detail={found} /> : <Version cluster={cluster} detail={found} readOnly={readOnly} onDelete={(version) => setAsked({ kind: "delete", subject, version })} />}
        </Tabs>
      )}
      {checking && found && <CheckDialog cluster={cluster} subject={found} readOnly={readOnly} onClose={() => setChecking(false)} />}
      {asked !== null && <ChangeDialog cluster={cluster} change={asked} action={asked.kind === "delete" && asked.version != null ? "Delete the version" : "Delete the subject"} onClose={() => setAsked(null)} onDone={() => navigate(path("schemas", cluster, ...(asked.kind === "delete" && asked.version != null && found && found.versions.length > 1 ? [subject] : [])), { replace: true })} />}
    </section>
  );
}

function Version({ cluster, detail, readOnly, onDelete }: { cluster: string; detail: SubjectDetail; readOnly: boolean; onDelete: (version: number) => void }) {
  const { summary: { subject, latest }, versions } = detail;
  const [picked, setPicked] = useQueryParam("version");
  const version = versions.includes(Number(picked)) ? Number(picked) : (latest ?? versions.at(-1) ?? null);
  const schema = useCall("schema_show", { cluster, subject, version }, { keep: true });
  const gone = picked !== "" && !versions.includes(Number(picked));
  const copy = (text: string) => navigator.clipboard.writeText(text).then(() => toast.done("Schema copied"), (error: unknown) => toast.failed("The schema was not copied", error));
  return (
    <>
      <div className={styles["pick"]}>
        <Select label="Version" prefix="Version" value={String(version ?? "")} choices={choices(versions, latest)} onChange={setPicked} testId="schema-version" />
        {schema.data && <span className="mute">id <span className="mono" data-testid="schema-id">{schema.data.id}</span></span>}
        {gone && <span className="warn" data-testid="version-gone">{`There is no version ${picked} any more.`}</span>}
        <span className={styles["space"]} />
        <Button kind="quiet" disabled={!schema.data} onClick={() => schema.data && void copy(schema.data.text)} testId="schema-copy">Copy</Button>
        <Button kind="quiet" disabled={readOnly || version === null} title={readOnly ? `${cluster} is read-only` : undefined} onClick={() => version !== null && onDelete(version)} testId="version-delete">Delete this version…</Button>
      </div>
      {schema.error ? <ErrorState error={schema.error} onRetry={() => void schema.refetch()} /> : !schema.data ? <Loading label="Asking the registry" /> : <><Links cluster={cluster} schema={schema.data} /><Text text={schema.data.text} /></>}
    </>
  );
}

function choices(versions: readonly number[], latest: number | null) {
  return [...versions].reverse().map((version) => ({ value: String(version), label: String(version), hint: version === latest ? "latest" : undefined }));
}

/** What it refers to, and what refers to it; each can be opened. */
function Links({ cluster, schema }: { cluster: string; schema: SchemaVersion }) {
  const to = (subject: string, version: number) => path("schemas", cluster, subject, { version });
  const { references, referenced_by: users } = schema;
  return (
    <div className={styles["links"]} data-testid="schema-links">
      {references.map((it) => <span key={`${it.name} ${it.subject}`}><span className="mute">refers to </span><span className="mono">{it.name}</span> <Link to={to(it.subject, it.version)} data-testid="reference">{`${it.subject}, version ${it.version}`}</Link></span>)}
      {users?.map((it) => <span key={`${it.subject} ${it.version}`}><span className="mute">referred to by </span><Link to={to(it.subject, it.version)} data-testid="referenced-by">{`${it.subject}, version ${it.version}`}</Link></span>)}
    </div>
  );
}

const LINE_PX = 19;

function Text({ text }: { text: string }) {
  const lines = useMemo(() => text.split("\n"), [text]);
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => box.current, estimateSize: () => LINE_PX, overscan: 12 });
  return (
    <div ref={box} className={styles["text"]} tabIndex={0} role="group" aria-label="Schema" data-testid="schema-text">
      <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {virtual.getVirtualItems().map((item) => (
          <div key={item.key} className={styles["textRow"]} style={{ transform: `translateY(${item.start}px)` }}>
            <span className={styles["number"]}>{item.index + 1}</span>
            <span>{lines[item.index]}</span>
          </div>
        ))}
      </div>
    </div>
  );
}

function Compare({ cluster, detail }: { cluster: string; detail: SubjectDetail }) {
  const { summary: { subject, latest }, versions } = detail;
  const [left, setLeft] = useQueryParam("left");
  const [right, setRight] = useQueryParam("right");
  const setQuery = useSetQuery();
  const [all, setAll] = useState(false);
  const known = (text: string) => (versions.includes(Number(text)) ? Number(text) : null);
  const b = known(right) ?? latest ?? versions.at(-1) ?? 0;
  const a = known(left) ?? versions.filter((version) => version < b).at(-1) ?? b;
  const compared = useCall("schema_compare", { cluster, left: { subject, version: a }, right: { subject, version: b } }, { keep: true });
  const found = compared.data;
  return (
    <>
      <div className={styles["pick"]}>
        <Select label="Left version" prefix="Version" value={String(a)} choices={choices(versions, latest)} onChange={setLeft} testId="compare-left" />
        <span className="mute">with</span>
        <Select label="Right version" prefix="version" value={String(b)} choices={choices(versions, latest)} onChange={setRight} testId="compare-right" />
        <Button kind="quiet" onClick={() => setQuery({ left: String(b), right: String(a) })} testId="compare-swap">Swap</Button>
        <Switch label="Lines that are the same, too" checked={all} onChange={setAll} testId="compare-all" />
        <span className={styles["space"]} />
        {found && <span className="mute" data-testid="compare-sum">{found.difference.added + found.difference.removed === 0 ? "no difference" : `+${found.difference.added} −${found.difference.removed} lines`}</span>}
      </div>
      {compared.error ? (
        <ErrorState error={compared.error} onRetry={() => void compared.refetch()} />
      ) : !found ? (
        <Loading label="Comparing" />
      ) : versions.length < 2 ? (
        <p className={styles["note"]}>It has one version only: there is nothing to compare it with yet.</p>
      ) : (
        <>
          <Fields difference={found.difference} />
          <SideBySide rows={found.difference.rows} all={all} label={`Version ${a} and version ${b} of ${subject}`} />
        </>
      )}
    </>
  );
}
