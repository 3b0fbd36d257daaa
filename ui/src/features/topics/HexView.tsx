import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import { call } from "@/platform";
import { ErrorNote } from "@/shared/layout";
import styles from "./Records.module.css";

const LINE_PX = 18;
const BYTES_PER_LINE = 16;
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

/** Bytes as they are, sixteen a line; only pages that are looked at are asked for. */
export function HexView({ cluster, topic, partition, offset, total }: HexViewProps) {
  const box = useRef<HTMLDivElement>(null);
  const [pages, setPages] = useState<ReadonlyMap<number, string>>(new Map());
  const [error, setError] = useState<unknown>(null);
  const asked = useRef(new Set<number>());
  const count = Math.min(LINES_MAX, Math.ceil(total / BYTES_PER_LINE));
  const virtual = useVirtualizer({ count, getScrollElement: () => box.current, estimateSize: () => LINE_PX, overscan: 10 });
  const items = virtual.getVirtualItems();
  const first = pageOf(items[0]?.index ?? 0);
  const last = pageOf(items.at(-1)?.index ?? 0);
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
          const at = item.index * BYTES_PER_LINE;
          const line = lineOf(pages.get(pageOf(item.index)), at % PAGE_BYTES);
          return (
            <div key={item.key} className={styles["hexLine"]} style={{ transform: `translateY(${item.start}px)` }}>
              <span className="faint">{at.toString(16).padStart(8, "0")}</span>
              <span>{line.hex}</span>
              <span className="mute">{line.text}</span>
            </div>
          );
        })}
      </div>
    </div>
  );
}

function pageOf(line: number): number {
  return Math.floor((line * BYTES_PER_LINE) / PAGE_BYTES);
}

/** Sixteen bytes of a page as digits in pairs, and as the characters that they are in ASCII. */
export function lineOf(page: string | undefined, at: number): { hex: string; text: string } {
  const pairs = page?.slice(at * 2, (at + BYTES_PER_LINE) * 2).match(/../g) ?? [];
  const text = pairs.map((pair) => {
    const code = Number.parseInt(pair, 16);
    return code >= 32 && code < 127 ? String.fromCharCode(code) : "·";
  });
  return { hex: pairs.map((pair, index) => (index === BYTES_PER_LINE / 2 ? ` ${pair}` : pair)).join(" "), text: text.join("") };
}
