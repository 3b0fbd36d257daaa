import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { call } from "@/platform";
import { ErrorNote } from "@/shared/layout";
import styles from "./Records.module.css";

const LINE_PX = 18;
/** Sixteen bytes a line where there is room, or eight: the letters beside them are seen either way. */
const WIDE = 16;
const NARROW = 8;
const WIDE_PX = 545;
/** What one call hands over. */
const PAGE_BYTES = 64 * 1024;
/** A browser's elements end at some height; what is beyond is told. */
const LINES_MAX = 1_500_000;

interface HexViewProps {
  cluster: string;
  topic: string;
  partition: number;
  offset: number;
  total: number;
}

/** Bytes as they are; only pages that are looked at are asked for. */
export function HexView({ cluster, topic, partition, offset, total }: HexViewProps) {
  const box = useRef<HTMLDivElement>(null);
  const [pages, setPages] = useState<ReadonlyMap<number, string>>(new Map());
  const [error, setError] = useState<unknown>(null);
  const asked = useRef(new Set<number>());
  const [perLine, setPerLine] = useState(NARROW);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () => setPerLine(element.clientWidth >= WIDE_PX ? WIDE : NARROW);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const count = Math.min(LINES_MAX, Math.ceil(total / perLine));
  const virtual = useVirtualizer({ count, getScrollElement: () => box.current, estimateSize: () => LINE_PX, overscan: 10 });
  const items = virtual.getVirtualItems();
  const first = pageOf(items[0]?.index ?? 0, perLine);
  const last = pageOf(items.at(-1)?.index ?? 0, perLine);
  useEffect(() => {
    for (const page of [first, last]) {
      if (asked.current.has(page)) continue;
      asked.current.add(page);
      call("record_bytes", { cluster, topic, partition, offset, key: false, first: page * PAGE_BYTES, limit: PAGE_BYTES }).then(
        ({ hex }) => setPages((before) => new Map(before).set(page, hex)),
        (failure: unknown) => {
          asked.current.delete(page);
          setError(failure);
        },
      );
    }
  }, [cluster, topic, partition, offset, first, last]);
  if (error !== null) return <ErrorNote error={error} />;
  return (
    <div ref={box} className={styles["hex"]} tabIndex={0} aria-label="Bytes" data-testid="record-hex">
      <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {items.map((item) => {
          const at = item.index * perLine;
          const line = lineOf(pages.get(pageOf(item.index, perLine)), at % PAGE_BYTES, perLine);
          return (
            <div key={item.key} className={styles["hexLine"]} style={{ transform: `translateY(${item.start}px)` }}>
              <span className="faint">{at.toString(16).padStart(8, "0")}</span>
              <span>{line.hex.padEnd(perLine * 3)}</span>
              <span className="mute">{line.text}</span>
            </div>
          );
        })}
      </div>
    </div>
  );
}

function pageOf(line: number, perLine: number): number {
  return Math.floor((line * perLine) / PAGE_BYTES);
}

/** A line of a page's bytes as digits in pairs, and as the characters that they are in ASCII. */
export function lineOf(page: string | undefined, at: number, perLine: number): { hex: string; text: string } {
  const pairs = page?.slice(at * 2, (at + perLine) * 2).match(/../g) ?? [];
  const text = pairs.map((pair) => {
    const code = Number.parseInt(pair, 16);
    return code >= 32 && code < 127 ? String.fromCharCode(code) : "·";
  });
  return { hex: pairs.map((pair, index) => (index === perLine / 2 ? ` ${pair}` : pair)).join(" "), text: text.join("") };
}
