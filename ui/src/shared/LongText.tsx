/** A text of any length: only the rows in view are in the document, each cut where the box ends. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { rowsOf } from "./clip";
import styles from "./LongText.module.css";

/** Up to here the page lays it out by itself, with words whole. */
const PLAIN_CHARS_MAX = 32 * 1024;
const LINE_PX = 19;
/** Of the window's fixed-width letters at this size. */
const CHAR_PX = 7.25;
const COLUMNS_MIN = 20;

export function LongText({ text, label, testId }: { text: string; label: string; testId: string }) {
  if (text.length <= PLAIN_CHARS_MAX) return <pre className={styles["plain"]} data-testid={testId}>{text}</pre>;
  return <Rows text={text} label={label} testId={testId} />;
}

function Rows({ text, label, testId }: { text: string; label: string; testId: string }) {
  const box = useRef<HTMLDivElement>(null);
  const [columns, setColumns] = useState(80);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () => setColumns(Math.max(COLUMNS_MIN, Math.floor(element.clientWidth / CHAR_PX)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const starts = useMemo(() => rowsOf(text, columns), [text, columns]);
  const virtual = useVirtualizer({ count: starts.length, getScrollElement: () => box.current, estimateSize: () => LINE_PX, overscan: 10 });
  return (
    <div ref={box} className={styles["rows"]} tabIndex={0} aria-label={label} data-testid={testId}>
      <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {virtual.getVirtualItems().map((item) => (
          <div key={item.key} className={styles["row"]} style={{ transform: `translateY(${item.start}px)` }}>{text.slice(starts[item.index], starts[item.index + 1] ?? text.length).trimEnd()}</div>
        ))}
      </div>
    </div>
  );
}
