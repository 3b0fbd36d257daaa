/** Two texts beside each other, line by line. What changed has a sign as well as a colour; only lines in view are drawn. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import type { DifferenceRow, FieldDifference, SchemaDifference } from "@/bindings";
import { cx } from "@/shared/cx";
import { count } from "@/shared/format";
import { folded, type Line } from "./model";
import styles from "./schemas.module.css";

const LINE_PX = 19;
const SIGNS = { same: ["", ""], added: ["", "+"], removed: ["−", ""], changed: ["−", "+"] } as const;
/** What a sign is called where it is not seen. */
const WORDS = { same: "", added: "added", removed: "removed", changed: "changed" } as const;

export function SideBySide({ rows, all, label }: { rows: readonly DifferenceRow[]; /** Lines that are the same, too. */ all: boolean; label: string }) {
  const shown = useMemo<readonly Line[]>(() => (all ? rows : folded(rows)), [rows, all]);
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: shown.length, getScrollElement: () => box.current, estimateSize: () => LINE_PX, overscan: 12 });
  return (
    <div ref={box} className={styles["beside"]} tabIndex={0} role="group" aria-label={label} data-testid="difference">
      <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {virtual.getVirtualItems().map((item) => {
          const line = shown[item.index];
          if (!line) return null;
          const place = { transform: `translateY(${item.start}px)` };
          if ("skipped" in line) return <div key={item.key} className={cx(styles["row"], styles["skipped"])} style={place}>{count(line.skipped, "line")} the same</div>;
          const [left, right] = SIGNS[line.change];
          return (
            <div key={item.key} className={styles["row"]} style={place} data-testid="difference-row" data-change={line.change} aria-label={WORDS[line.change] || undefined}>
              <Side number={line.left_line} sign={left} text={line.left} tone={left === "" ? undefined : "removed"} />
              <Side number={line.right_line} sign={right} text={line.change === "same" ? line.left : line.right} tone={right === "" ? undefined : "added"} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Side({ number, sign, text, tone }: { number: number | null; sign: string; text: string | null; tone: "added" | "removed" | undefined }) {
  return (
    <div className={styles["side"]} data-tone={text === null ? "none" : tone}>
      <span className={styles["number"]}>{number}</span>
      <span className={styles["sign"]}>{sign}</span>
      <span className={styles["code"]} title={text !== null && text.length > 60 ? text.trim() : undefined}>{text}</span>
    </div>
  );
}

const FIELD_SIGNS = { same: "", added: "+", removed: "−", changed: "~" } as const;

/** The same difference, told by field. */
export function Fields({ difference }: { difference: SchemaDifference }) {
  const { fields } = difference;
  if (fields === null) return <p className="mute" data-testid="fields-unknown">Fields are not told: one of the schemas could not be read.</p>;
  if (fields.length === 0) return <p className="mute" data-testid="fields-same">{difference.added + difference.removed === 0 ? "No difference." : "Every field is the same: only texts differ."}</p>;
  return (
    <div className={styles["fields"]} data-testid="fields">
      {fields.map((field) => <Field key={`${field.change} ${field.path}`} field={field} />)}
    </div>
  );
}

function Field({ field }: { field: FieldDifference }) {
  return (
    <div className={styles["field"]} data-testid="field" data-change={field.change} data-path={field.path}>
      <b aria-label={WORDS[field.change]} data-tone={field.change}>{FIELD_SIGNS[field.change]}</b>
      <span className={styles["path"]}>{field.path}</span>
      <span className="mute" data-selectable="">{field.left !== null && field.right !== null ? <><s>{field.left}</s> → <span style={{ color: "var(--ink)" }}>{field.right}</span></> : (field.left ?? field.right)}</span>
    </div>
  );
}
