/** A change before it is made: what each thing is now and then, and what should be known before. */

import type { ChangeLine } from "@/bindings";
import styles from "./ChangeLines.module.css";
import { groupedCounts, groupedDigits, UNKNOWN } from "./format";

export interface ChangeLinesProps {
  lines: readonly ChangeLine[];
  warnings: readonly string[];
  /** Something is lost: warnings are told in red. */
  destructive: boolean;
}

/** Exactly what will change, and what should be known before. */
export function ChangeLines({ lines, warnings, destructive }: ChangeLinesProps) {
  return (
    <div data-testid="change-lines">
      {lines.length === 0 ? <p className="mute">Nothing would change.</p> : (
        <div className={styles["changes"]}>
          <div className={styles["scroll"]}>
            <table>
              <thead><tr><th>what</th><th>now</th><th>then</th><th /></tr></thead>
              <tbody>
                {lines.map((line) => (
                  <tr key={line.what} data-testid="change-line" data-key={line.what}>
                    <td className="mono">{line.what}</td>
                    <td className="mono mute">{shownValue(line.before)}</td>
                    <td className="mono">{shownValue(line.after)}</td>
                    <td className="mute">{line.note === null ? "" : groupedCounts(line.note)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </div>
      )}
      {warnings.length > 0 && <div className={styles["warnings"]}>{warnings.map((warning) => <p key={warning} className={destructive ? "bad" : "warn"}>{warning}</p>)}</div>}
    </div>
  );
}

function shownValue(value: string | null): string {
  return value === null ? UNKNOWN : groupedDigits(value);
}
