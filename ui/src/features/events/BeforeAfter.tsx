import { useState } from "react";
import type { PreviewRow } from "@/bindings";
import { Badge, type Tone } from "@/shared/controls";
import { number } from "@/shared/format";
import { EmptyState } from "@/shared/layout";
import styles from "./events.module.css";

const OUTCOMES: Readonly<Record<PreviewRow["outcome"], readonly [Tone, string]>> = { event: ["ok", "EVENT"], left_out: ["neutral", "LEFT OUT"], blocked: ["warning", "BLOCKED"], failed: ["error", "FAILED"], malformed: ["error", "MALFORMED"] };

interface Line {
  text: string;
  /** It is on one side only. */
  own: boolean;
}

/** Lines of two texts, each marked where the other side has none like it. Order of properties says nothing. */
export function sides(before: string, after: string): readonly [Line[], Line[]] {
  const of = (text: string) => indented(text).split("\n");
  const [a, b] = [of(before), of(after)];
  const key = (line: string) => line.replace(/,$/, "");
  const mark = (lines: string[], others: string[]) => {
    const there = new Set(others.map(key));
    return lines.map((text) => ({ text, own: !there.has(key(text)) }));
  };
  return [mark(a, b), mark(b, a)];
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Records one by one: as they are, and what is collected of them, side by side. */
export function BeforeAfter({ rows, id }: { rows: readonly PreviewRow[]; id: string }) {
  const [at, setAt] = useState(0);
  const row = rows[Math.min(at, rows.length - 1)];
  if (!row) return <EmptyState title="No record">There is none to look at.</EmptyState>;
  const [before, after] = sides(row.before, row.after ?? "");
  return (
    <div className={styles["beforeAfter"]} data-testid={`${id}-rows`}>
      <ul className={styles["tried"]} role="listbox" aria-label="Records">
        {rows.map((each, index) => (
          <li key={`${each.partition}-${each.offset}`} role="option" aria-selected={index === at} tabIndex={index === at ? 0 : -1} onClick={() => setAt(index)} onKeyDown={(event) => move(event.key, index, rows.length, setAt)} data-testid={`${id}-row`}>
            <Badge tone={OUTCOMES[each.outcome][0]}>{OUTCOMES[each.outcome][1]}</Badge>
            <span className="mono mute">{each.partition}-{number(each.offset)}</span>
          </li>
        ))}
      </ul>
      <div className={styles["side"]}><h3>Before</h3><Text lines={before} tone="bad" /></div>
      <div className={styles["side"]} data-testid={`${id}-after`}>
        <h3>After</h3>
        {row.after === null ? <p className="warn">{row.reason ?? "WHERE leaves it out."}</p> : <Text lines={after} tone="info" />}
        {row.violations.map((violation) => <p key={violation} className="warn">{violation}</p>)}
      </div>
    </div>
  );
}

function move(key: string, index: number, length: number, set: (index: number) => void): void {
  if (key === "ArrowDown") set(Math.min(length - 1, index + 1));
  if (key === "ArrowUp") set(Math.max(0, index - 1));
}

function Text({ lines, tone }: { lines: readonly Line[]; tone: "info" | "bad" }) {
  return (
    <pre data-selectable="">
      {lines.map(({ text, own }, index) => <span key={index} className={own ? tone : undefined}>{text}{"\n"}</span>)}
    </pre>
  );
}
