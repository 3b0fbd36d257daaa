import { useState } from "react";
import type { AudienceDetail, AudiencePreview } from "@/bindings";
import { call, useCall, useRevision } from "@/platform";
import { Age } from "@/shared/Age";
import { Badge } from "@/shared/controls";
import { ago, compact, number, percent, signed, timeOfDay } from "@/shared/format";
import { useNow } from "@/shared/frame";
import { Card, Heading, Stat } from "@/shared/layout";
import { Link, path } from "@/shared/router";
import { SvgChart } from "@/shared/SvgChart";
import styles from "./audiences.module.css";

interface SideProps {
  name: string;
  detail: AudienceDetail | null;
  preview: AudiencePreview | undefined;
  /** The draft was changed since it was evaluated. */
  stale: boolean;
  changed: boolean;
  failed: boolean;
}

/** How large it is, who is in it, who came and went, where it is delivered. */
export function Side({ name, detail, preview, stale, changed, failed }: SideProps) {
  const syncs = useCall("sync_list", {}, { topic: "syncs" }).data?.filter((sync) => sync.definition.audience === name);
  const summary = detail?.summary;
  const [revision, setRevision] = useState(0);
  useRevision("memberships", ({ revision: next }) => setRevision(next), CHART_EVENTS_MS_MIN);
  const now = useNow(5000);
  const difference = preview && `${signed(preview.entering)} in, ${signed(-preview.exiting)} out`;
  return (
    <div className={styles["side"]} data-testid="audience-side" data-stale={stale}>
      <div className={styles["stats"]}>
        <Stat label="Members" value={number(summary?.members)} note={summary ? `${signed(summary.entered)} in, ${signed(-summary.exited)} out` : "not published yet"} {...(summary && { age: <Age atMs={summary.evaluated_ms} what="evaluated" /> })} testId="members" />
        <Stat
          label={changed || !detail ? "Draft would be" : "Definition finds"}
          value={number(preview?.size)}
          note={failed ? "cannot be evaluated" : preview && (changed && detail ? difference : `${percent(preview.universe === 0 ? null : preview.size / preview.universe)} of ${compact(preview.universe)}`)}
          tone={failed ? "bad" : changed && detail && preview && preview.exiting > preview.entering ? "bad" : changed ? "accent" : "mute"}
          {...(preview && !failed && { age: stale ? "evaluating…" : <Age atMs={preview.evaluated_ms} what="evaluated" /> })}
          testId="preview-size"
        />
      </div>
      {detail && <Card title={<div className={styles["chartHead"]}><span>Size</span><Age atMs={summary?.evaluated_ms} what="evaluated" /></div>}><SvgChart label={`Size of ${name}`} height={110} queryKey={["audience", name, revision]} draw={(style) => call("audience_chart", { name, style }).then((chart) => chart.svg)} everyMs={CHART_EVERY_MS} testId="chart-size" /></Card>}
      <Heading>Sample</Heading>
      <div className={styles["sample"]} data-testid="sample">
        {preview?.sample.slice(0, SAMPLE).map((member) => (
          <div key={member.profile_id}><Link className="mono info" to={path("profiles", String(member.profile_id))}>{member.name}</Link><span className="mute" title={member.why}>{member.why}</span></div>
        ))}
      </div>
      {preview?.sample.length === 0 && <p className="mute">Nobody: the smallest condition decides.</p>}
      {detail && <Latest name={name} />}
      {syncs && syncs.length > 0 && <Heading>Delivered to</Heading>}
      <div className={styles["sample"]}>
        {syncs?.map((sync) => (
          <div key={sync.name}>
            <Link to={path("destinations", sync.definition.destination, { sync: sync.name })}>{sync.name}</Link>
            <span>{sync.error || sync.last_run?.error ? <Badge tone="error">failed</Badge> : sync.owed ? <Badge tone="warning">behind by {number(sync.owed)}</Badge> : sync.owed === 0 ? <Badge tone="ok">in step</Badge> : <Badge>unknown</Badge>} <span className="mute">{sync.last_run ? ago(sync.last_run.started_ms, now) : "never run"}</span></span>
          </div>
        ))}
      </div>
    </div>
  );
}

const CHART_EVERY_MS = 10_000;
const CHART_EVENTS_MS_MIN = 2000;
/** Of the sample, those shown. */
const SAMPLE = 8;
/** Changes shown beside the definition. */
const LATEST = 5;

function Latest({ name }: { name: string }) {
  const changes = useCall("audience_changes", { name, text: "", offset: 0, limit: LATEST }, { topic: "memberships" }).data;
  if (!changes || changes.changes.length === 0) return null;
  return (
    <>
      <Heading>Just now</Heading>
      <div className={styles["sample"]} data-testid="latest">
        {changes.changes.map((change) => (
          <div key={`${change.profile_id}-${change.at_ms}-${change.entered}`}>
            <Link className="mono info" to={path("audiences", name, { tab: "members", explain: change.profile_id })}>{change.name}</Link>
            <span><span className={change.entered ? "accent" : "bad"}>{change.entered ? "entered" : "exited"}</span> <span className="mute">{timeOfDay(change.at_ms)}</span></span>
          </div>
        ))}
      </div>
    </>
  );
}
