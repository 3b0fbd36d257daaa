import { useCall, useRevision } from "@/platform";
import { Age } from "@/shared/Age";
import { Badge, Button } from "@/shared/controls";
import { sentence } from "@/shared/errors";
import { dateTime, time } from "@/shared/format";
import { Bar, ErrorState, Loading, Pane } from "@/shared/layout";
import { navigate, path } from "@/shared/router";
import styles from "./audiences.module.css";

/** Windows move on without an event. */
const EXPLAIN_EVERY_MS = 10_000;
const EXPLAIN_EVENTS_MS_MIN = 2000;

/** Why a profile is in the audience, or is not: each condition with what it evaluated to. */
export function Explain({ name, profileId, onClose }: { name: string; profileId: number; onClose: () => void }) {
  const explanation = useCall("audience_explain", { name, profile_id: profileId }, { topic: "memberships", everyMs: EXPLAIN_EVERY_MS });
  // What it is evaluated over changes with the events, whether or not anybody moves.
  useRevision("events", () => void explanation.refetch({ cancelRefetch: false }), EXPLAIN_EVENTS_MS_MIN);
  const { data } = explanation;
  if (explanation.error) return <ErrorState error={explanation.error} onRetry={() => void explanation.refetch()} />;
  if (!data) return <Loading />;
  return (
    <>
      <Bar
        level={2}
        title={<span className="mono">{data.name}</span>}
        badge={<Badge tone={data.member ? "ok" : "neutral"}>{data.member ? "MEMBER" : "NOT A MEMBER"}</Badge>}
        actions={<><Button onClick={() => navigate(path("profiles", String(profileId)))} testId="explain-profile">Profile</Button><Button kind="quiet" icon aria-label="Close the explanation" onClick={onClose}>×</Button></>}
      />
      <Pane testId="explain">
        <p className="mute">{data.since_ms === null ? "" : `Since ${dateTime(data.since_ms)} · `}evaluated at {time(data.evaluated_ms)}, <Age atMs={data.evaluated_ms} /></p>
        <div className={styles["explained"]}>
          {data.conditions.map((condition) => (
            <div key={condition.path} data-testid="explained" data-holds={condition.holds} style={{ marginLeft: condition.depth * 16 }}>
              <span className={condition.holds ? "accent" : "bad"} role="img" aria-label={condition.holds ? "holds" : "does not hold"}>{condition.holds ? "✓" : "✗"}</span>
              <span>{sentence(condition.sentence)}</span>
              {condition.value !== null && <span className="mono" data-selectable="">{condition.value}</span>}
            </div>
          ))}
          {data.conditions.length === 0 && <p className="mute">This audience is defined by SQL: it has no conditions to take apart.</p>}
        </div>
      </Pane>
    </>
  );
}
