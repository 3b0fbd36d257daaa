/** A record's value as a tree that folds. Only the lines in view are in the document, however large the value. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState, type KeyboardEvent } from "react";
import { clip } from "./clip";
import { lines, parseJson, type Line } from "./json";
import styles from "./JsonTree.module.css";

const LINE_PX = 19;
/** Containers are open to this depth at first. */
const OPEN_DEPTH = 2;
/** Of one line: more would be laid out for nothing, and stand still meanwhile. */
const LINE_CHARS_MAX = 2_000;
const TITLE_CHARS_MAX = 1_000;

export function JsonTree({ text, label = "Value", testId = "json" }: { text: string; label?: string; testId?: string }) {
  const tree = useMemo(() => parseJson(text), [text]);
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const [active, setActive] = useState(-1);
  const shown = useMemo<Line[]>(
    () =>
      tree === null
        ? text.split("\n").map((line, index) => ({ path: String(index), depth: 0, key: null, value: null, text: line, state: "leaf" }))
        : lines(tree, (path, depth) => depth < OPEN_DEPTH !== toggled.has(path)),
    [text, tree, toggled],
  );
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: shown.length, getScrollElement: () => box.current, estimateSize: () => LINE_PX, overscan: 12 });
  const toggle = (line: Line) => {
    if (line.state !== "open" && line.state !== "folded") return;
    const next = new Set(toggled);
    if (!next.delete(line.path)) next.add(line.path);
    setToggled(next);
  };
  const onKey = (event: KeyboardEvent) => {
    const line = shown[active];
    const unfold = event.key === "ArrowRight" && line?.state === "folded";
    const fold = event.key === "ArrowLeft" && line?.state === "open";
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (line && (unfold || fold || event.key === "Enter")) toggle(line);
    else if (step !== undefined) {
      const to = Math.max(0, Math.min(shown.length - 1, active + step));
      setActive(to);
      virtual.scrollToIndex(to);
    } else return;
    event.preventDefault();
  };
  return (
    <div ref={box} className={styles["tree"]} tabIndex={0} role="tree" aria-label={label} data-testid={testId} onKeyDown={onKey}>
      <div className={styles["body"]} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const line = shown[item.index];
          if (!line) return null;
          const folds = line.state === "open" || line.state === "folded";
          const { shown: part, more } = clip(line.text, LINE_CHARS_MAX);
          return (
            <div
              key={line.path}
              className={styles["line"]}
              role="treeitem"
              aria-level={line.depth + 1}
              {...(folds && { "aria-expanded": line.state === "open" })}
              data-open={folds ? "" : undefined}
              data-active={item.index === active ? "" : undefined}
              data-path={line.path}
              title={line.text.length > 40 ? line.text.slice(0, TITLE_CHARS_MAX) : undefined}
              style={{ transform: `translateY(${item.start}px)`, paddingLeft: line.depth * 14 }}
              onClick={() => {
                setActive(item.index);
                toggle(line);
              }}
            >
              <span className={styles["sign"]} aria-hidden="true">{line.state === "open" ? "▾" : line.state === "folded" ? "▸" : ""}</span>
              {line.key !== null && <><span className={styles["key"]}>{line.key}</span>: </>}
              <span className={line.state === "folded" ? styles["fold"] : line.value ? styles[line.value.kind] : undefined}>{part}</span>
              {more !== null && <span className={styles["fold"]}>{more}</span>}
            </div>
          );
        })}
      </div>
    </div>
  );
}
