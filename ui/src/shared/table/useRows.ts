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

/** `held`: values change where they stand, the order stays. */
export function useMemoryRows<R>(rows: readonly R[], columns: readonly Column<R>[], sort: Sort | null, rowKey: (row: R) => string, held: boolean): Shown<R> {
  const last = useRef<{ sort: Sort | null; places: ReadonlyMap<string, number> }>({ sort, places: new Map() });
  const list = useMemo(() => {
    const inOrder = sorted(rows, columns, sort);
    // Another sort is asked for by the person who points.
    if (!held || last.current.sort !== sort) return inOrder;
    const { places } = last.current;
    const place = (row: R) => places.get(rowKey(row)) ?? places.size;
    return [...inOrder].sort((a, b) => place(a) - place(b));
  }, [rows, columns, sort, rowKey, held]);
  useEffect(() => {
    last.current = { sort, places: new Map(list.map((row, index) => [rowKey(row), index])) };
  }, [list, sort, rowKey]);
  return useMemo(
    () => ({
      total: list.length,
      at: (index) => list[index],
      offsetAt: (index) => index,
      indexOf: (offset) => offset,
      want: () => {},
      isGone: () => false,
      error: null,
      unseen: 0,
    }),
    [list],
  );
}

const NOTHING: WindowSource<never> = { id: "", revision: 0, total: 0, rows: () => Promise.resolve([]) };

/** `held`: the table keeps showing what it showed, however many rows arrive. */
export function useWindowRows<R>(source: WindowSource<R> | undefined, order: Order, held: boolean): Shown<R> {
  const live = source ?? NOTHING;
  const start = Math.min(live.start ?? 0, live.total);
  const stamp = live.appendOnly ? (live.version ?? 0) : live.revision;
  const latest = useMemo<Snapshot>(() => ({ id: live.id, revision: live.revision, start, total: live.total, stamp }), [live.id, live.revision, start, live.total, stamp]);
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

  const count = useRef(0);
  // Rows that only grow in number are there before they are shown: no row is painted empty and filled later.
  const fetched = useMemo(
    () => (live.appendOnly && order === "newest-first" ? (next: Snapshot) => {
      if (next.total === next.start || cache.get(next.total - 1) !== undefined) return true;
      cache.want(Math.max(next.start, next.total - count.current), Math.min(count.current, next.total - next.start), next.revision, next.stamp);
      return false;
    } : null),
    [cache, live.appendOnly, order],
  );
  const shown = usePainted(latest, held, fetched, version);

  const want = useCallback(
    (first: number, limit: number) => {
      if (limit === 0) return;
      count.current = limit;
      const from = Math.max(0, order === "newest-first" ? shown.total - first - limit : shown.start + first);
      // Rows held still are decoded as those that arrive: only their number and place stay.
      cache.want(from, limit, shown.revision, live.appendOnly ? latest.stamp : shown.stamp);
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

/** Rows that are longer on their way than this are shown empty meanwhile. */
const FETCH_MS_MAX = 400;

/**
 * The snapshot to show: the latest, taken over once per animation frame and, with `fetched`, once its newest row is
 * there; while held, the one before. Under a stream of new ones each is waited for in turn, so that none starves.
 */
function usePainted(latest: Snapshot, held: boolean, fetched: ((next: Snapshot) => boolean) | null, version: number): Snapshot {
  const [painted, setPainted] = useState(latest);
  const awaited = useRef<{ snapshot: Snapshot; sinceMs: number } | null>(null);
  // Nothing shown yet, or another view: there is nothing to hold still.
  const fresh = painted.id !== latest.id || painted.total === painted.start;
  useEffect(() => {
    if (held && !fresh) {
      awaited.current = null;
      return;
    }
    if (painted === latest) return;
    if (awaited.current?.snapshot.id !== latest.id) awaited.current = null;
    const next = awaited.current?.snapshot ?? latest;
    const waitedMs = awaited.current === null ? 0 : performance.now() - awaited.current.sinceMs;
    if (!fresh && fetched !== null && waitedMs < FETCH_MS_MAX && !fetched(next)) {
      awaited.current ??= { snapshot: next, sinceMs: performance.now() };
      const timer = setTimeout(() => {
        awaited.current = null;
        setPainted(next);
      }, FETCH_MS_MAX - waitedMs);
      return () => clearTimeout(timer);
    }
    const frame = requestAnimationFrame(() => {
      awaited.current = null;
      setPainted(next);
    });
    return () => cancelAnimationFrame(frame);
  }, [latest, painted, held, fresh, fetched, version]);
  // Of nothing shown no frame is waited for: that there is nothing would be read meanwhile.
  return fresh ? latest : painted;
}
