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
      error: null,
      unseen: 0,
    };
  }, [rows, columns, sort]);
}

const NOTHING: WindowSource<never> = { id: "", revision: 0, total: 0, rows: () => Promise.resolve([]) };

/** `held`: the table keeps showing what it showed, however many rows arrive. */
export function useWindowRows<R>(source: WindowSource<R> | undefined, order: Order, held: boolean): Shown<R> {
  const live = source ?? NOTHING;
  const latest = useMemo<Snapshot>(
    () => ({ id: live.id, revision: live.revision, start: live.start ?? 0, total: live.total }),
    [live.id, live.revision, live.start, live.total],
  );
  const shown = usePainted(latest, held);
  const fetch = useRef(live.rows);
  useLayoutEffect(() => {
    fetch.current = live.rows;
  });
  const [version, setVersion] = useState(0);
  const appendOnly = live.appendOnly ?? false;
  const cache = useMemo(
    () => new RowCache<R>((offset, limit) => fetch.current(offset, limit), appendOnly, () => setVersion((before) => before + 1)),
    // A new view, a new cache.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [live.id, appendOnly],
  );

  const want = useCallback(
    (first: number, count: number) => {
      if (count === 0) return;
      const from = order === "newest-first" ? shown.total - first - count : shown.start + first;
      cache.want(Math.max(0, from), count, shown.revision);
    },
    [cache, order, shown],
  );
  return useMemo(
    () => ({
      total: shown.total - shown.start,
      at: (index) => cache.get(offsetAt(index, shown, order)),
      offsetAt: (index) => offsetAt(index, shown, order),
      indexOf: (offset) => indexOf(offset, shown, order),
      want,
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
