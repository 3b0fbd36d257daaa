import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { indexOf, offsetAt, RowCache, type Order, type Snapshot, type WindowSource } from "./rows";
import { sorted, type Column, type Sort } from "./useColumns";

/** What the table shows, whichever way the rows come. Positions count from the top of the table. */
export interface Shown<R> {
  total: number;
  at: (index: number) => R | undefined;
  /** A row's place that lasts while rows arrive: its number in the source, or in memory its place. */
  offsetAt: (index: number) => number;
  indexOf: (offset: number) => number;
  want: (first: number, count: number) => void;
  /** Whether the row left the source before it was seen. */
  isGone: (index: number) => boolean;
  error: unknown;
  /** Rows that arrived since the table was held still. */
  unseen: number;
}

export function useMemoryRows<R>(rows: readonly R[], columns: readonly Column<R>[], sort: Sort | null): Shown<R> {
  return useMemo(() => {
    const list = sorted(rows, columns, sort);
    return {
      total: list.length,
      at: (index) => list[index],
      offsetAt: (index) => index,
      indexOf: (offset) => offset,
      want: () => {},
      isGone: () => false,
      error: null,
      unseen: 0,
    };
  }, [rows, columns, sort]);
}

const NOTHING: WindowSource<never> = { id: "", revision: 0, total: 0, rows: () => Promise.resolve([]) };

/** `held`: the table keeps showing what it showed, however many rows arrive. */
export function useWindowRows<R>(source: WindowSource<R> | undefined, order: Order, held: boolean): Shown<R> {
  const live = source ?? NOTHING;
  const start = Math.min(live.start ?? 0, live.total);
  const stamp = live.appendOnly ? (live.version ?? 0) : live.revision;
  const latest = useMemo<Snapshot>(() => ({ id: live.id, revision: live.revision, start, total: live.total, stamp }), [live.id, live.revision, start, live.total, stamp]);
  const shown = usePainted(latest, held);
  const fetch = useRef(live.rows);
  useLayoutEffect(() => {
    fetch.current = live.rows;
  });
  const [version, setVersion] = useState(0);
  const cache = useMemo(
    () => new RowCache<R>((offset, limit) => fetch.current(offset, limit), () => setVersion((before) => before + 1)),
    // A new view, a new cache.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [live.id],
  );

  const want = useCallback(
    (first: number, count: number) => {
      if (count === 0) return;
      const from = Math.max(0, order === "newest-first" ? shown.total - first - count : shown.start + first);
      // Rows held still are decoded as those that arrive: only their number and place stay.
      cache.want(from, count, shown.revision, live.appendOnly ? latest.stamp : shown.stamp);
    },
    [cache, order, shown, latest.stamp, live.appendOnly],
  );
  return useMemo(
    () => ({
      total: shown.total - shown.start,
      at: (index) => cache.get(offsetAt(index, shown, order)),
      offsetAt: (index) => offsetAt(index, shown, order),
      indexOf: (offset) => indexOf(offset, shown, order),
      want,
      isGone: (index) => cache.isGone(offsetAt(index, shown, order)),
      error: cache.error,
      unseen: latest.total - shown.total,
    }),
    // `version` stands for what the cache holds.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [cache, latest.total, order, shown, version, want],
  );
}

/** The snapshot to show: the latest, taken over once per animation frame; while held, the one before. */
function usePainted(latest: Snapshot, held: boolean): Snapshot {
  const [painted, setPainted] = useState(latest);
  const frame = useRef(0);
  // Nothing shown yet, or another view: there is nothing to hold still.
  const fresh = painted.id !== latest.id || painted.total === painted.start;
  useEffect(() => {
    if (held && !fresh) return;
    frame.current = requestAnimationFrame(() => setPainted(latest));
    return () => cancelAnimationFrame(frame.current);
  }, [latest, held, fresh]);
  return painted.id === latest.id ? painted : latest;
}
