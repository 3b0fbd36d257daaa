/** A long text as lines of its own: only those in view are in the document, and a line without end is divided. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import { divided } from "./lines";
import styles from "./TextLines.module.css";

const LINE_PX = 19;

export function TextLines({ text, label, testId }: { text: string; label: string; testId?: string }) {
  const lines = useMemo(() => divided(text), [text]);
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => box.current, estimateSize: () => LINE_PX, overscan: 12 });
  return (
    <div ref={box} className={styles["lines"]} tabIndex={0} role="group" aria-label={label} data-testid={testId} data-lines={lines.length}>
      <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {virtual.getVirtualItems().map((item) => <div key={item.key} className={styles["line"]} style={{ transform: `translateY(${item.start}px)` }}>{lines[item.index]}</div>)}
      </div>
    </div>
  );
}
