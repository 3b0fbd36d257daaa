/** A long text as lines of its own: only those in view are in the document, and a line that does not fit is divided. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { useLayoutEffect, useMemo, useRef, useState } from "react";
import { divided, LINE_CHARS_MAX } from "./lines";
import styles from "./TextLines.module.css";

const LINE_PX = 19;
/** Of a sign of the mono font at this size. */
const SIGN_PX = 7.25;
/** For the scroll bar. */
const SPARE_PX = 14;
const LINE_CHARS_MIN = 24;

/** Up to here a browser wraps a text itself in good time, and what is chosen in it is copied as it is. */
const WHOLE_CHARS_MAX = 16 * 1024;

interface TextLinesProps {
  text: string;
  label: string;
  testId?: string;
}

export function TextLines({ text, label, testId }: TextLinesProps) {
  if (text.length > WHOLE_CHARS_MAX) return <Divided text={text} label={label} {...(testId !== undefined && { testId })} />;
  return <pre className={styles["whole"]} tabIndex={0} aria-label={label} data-testid={testId}>{text}</pre>;
}

function Divided({ text, label, testId }: TextLinesProps) {
  const box = useRef<HTMLDivElement>(null);
  const charsMax = useFitting(box);
  const lines = useMemo(() => divided(text, charsMax), [text, charsMax]);
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => box.current, estimateSize: () => LINE_PX, overscan: 12 });
  return (
    <div ref={box} className={styles["lines"]} tabIndex={0} role="group" aria-label={label} data-testid={testId} data-lines={lines.length}>
      <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {virtual.getVirtualItems().map((item) => <div key={item.key} className={styles["line"]} style={{ transform: `translateY(${item.start}px)` }}>{lines[item.index]}</div>)}
      </div>
    </div>
  );
}

/** How many signs a line of the box holds. */
function useFitting(box: { current: HTMLDivElement | null }): number {
  const [chars, setChars] = useState(LINE_CHARS_MAX);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const measure = () => {
      const width = element.clientWidth;
      if (width > 0) setChars(Math.max(LINE_CHARS_MIN, Math.min(LINE_CHARS_MAX, Math.floor((width - SPARE_PX) / SIGN_PX))));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [box]);
  return chars;
}
