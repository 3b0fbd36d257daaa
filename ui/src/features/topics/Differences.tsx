import type { RecordRequest } from "@/bindings";
import { useCall } from "@/platform";
import { clipPair } from "@/shared/clip";
import { count, number } from "@/shared/format";
import { EmptyState, ErrorState, Loading } from "@/shared/layout";
import styles from "./Records.module.css";

/** Of one side of a difference: where it begins is shown, however far into a long text that is. */
const SIDE_CHARS_MAX = 400;

/** What two records do not have in common, field by field. */
export function Differences({ left, right }: { left: RecordRequest; right: RecordRequest }) {
  const compared = useCall("record_compare", { left, right });
  if (compared.error) return <ErrorState error={compared.error} onRetry={() => void compared.refetch()} />;
  if (!compared.data) return <Loading />;
  const { differences, total, same } = compared.data;
  if (total === 0) return <EmptyState title="The same record">{`Key, headers and value are alike in all ${count(same, "field")}.`}</EmptyState>;
  return (
    <div className={styles["differences"]} data-testid="record-differences">
      <p className="mute">{count(total, "difference")}, {number(same)} alike{total > differences.length && `; the first ${number(differences.length)} are shown`}</p>
      <table>
        <thead><tr><th>field</th><th>p {left.partition} · {number(left.offset)}</th><th>p {right.partition} · {number(right.offset)}</th></tr></thead>
        <tbody>
          {differences.map(({ path, left: before, right: after }) => {
            const [one, two] = clipPair(before, after, SIDE_CHARS_MAX);
            return <tr key={path}><td className="mute">{path}</td><td>{one ?? <span className="faint">not there</span>}</td><td>{two ?? <span className="faint">not there</span>}</td></tr>;
          })}
        </tbody>
      </table>
    </div>
  );
}
