/**
 * The table of the window: rows of 28 px, about sixty of them in the document whatever the total.
 *
 * Rows are given (`rows`) or stay in Rust and are asked for as they come into view (`source`). A live source has a
 * follow switch: on, the newest row stays at the edge; off, nothing moves and a pill in the header line, which covers
 * no row, counts what arrived. Scrolling away, opening a row or moving by keys turns it off. While the pointer moves over
 * rows, whichever, they hold still.
 */

import { memo, useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState, type CSSProperties, type KeyboardEvent, type ReactNode } from "react";
import { cx } from "../cx";
import { number } from "../format";
import { EmptyState, ErrorNote, ErrorState, Loading } from "../layout";
import { moveByKey, ROW_PX, scrollHeight } from "./geometry";
import { Header } from "./Header";
import type { Order, WindowSource } from "./rows";
import styles from "./table.module.css";
import { useColumnWidths, type Column, type Sort } from "./useColumns";
import { useMemoryRows, useWindowRows } from "./useRows";
import { HEAD_PX, useViewport } from "./useViewport";

export interface TableProps<R> {
  /** Names the table to tests, and its column widths on this machine. */
  id: string;
  /** Spoken name. */
  label: string;
  /** Keep the identity (useMemo) while they do not change. */
  columns: readonly Column<R>[];
  rowKey: (row: R) => string;
  rows?: readonly R[] | undefined;
  source?: WindowSource<R> | undefined;
  /** Of a source: its first row at the top, or its last. */
  order?: Order;
  selectedKey?: string | null;
  onSelect?: (row: R) => void;
  /** Enter or a double click; with `openOnClick` a click. */
  onOpen?: (row: R) => void;
  openOnClick?: boolean;
  /** Initial order of given rows. */
  initialSort?: Sort;
  /** Order of a source: who gives it sorts. */
  sort?: Sort | null;
  onSort?: (sort: Sort) => void;
  follow?: boolean;
  onFollowChange?: (follow: boolean) => void;
  loading?: boolean;
  /** What is waited for. */
  loadingLabel?: string;
  error?: unknown;
  onRetry?: (() => void) | undefined;
  /** Beside "Try again". */
  errorActions?: ReactNode;
  empty?: ReactNode;
  /** As tall as its rows, up to this many; absent: fills its place. */
  rowsMax?: number;
}

/** How long rows hold still after the pointer moved over them. */
const POINTER_HOLD_MS = 1500;
const NO_ROWS: readonly never[] = [];

export function Table<R>(props: TableProps<R>) {
  const { columns, rowKey, source, order = "natural", follow, onFollowChange, onSelect, onOpen } = props;
  const box = useRef<HTMLDivElement>(null);
  const [sort, onSort] = useSort(props);
  const [pointed, onPointerMove] = usePointerHold();
  const held = follow === false || pointed;
  const fromMemory = useMemoryRows<R>(props.rows ?? NO_ROWS, columns, sort, rowKey, pointed);
  const fromSource = useWindowRows(source, order, held);
  const shown = source ? fromSource : fromMemory;

  const leaveEdge = useCallback(
    (virtual: number) => {
      if (!follow) return;
      const away = order === "newest-first" ? virtual > ROW_PX / 2 : (box.current && box.current.scrollHeight - box.current.scrollTop - box.current.clientHeight > ROW_PX) === true;
      if (away) onFollowChange?.(false);
    },
    [follow, onFollowChange, order],
  );
  const { view, height, scrollTo, scrollToRow } = useViewport(box, shown.total, leaveEdge);
  const { want } = shown;
  useEffect(() => want(view.first, view.count), [want, view.first, view.count]);
  useLayoutEffect(() => {
    if (follow) scrollTo(order === "newest-first" ? 0 : shown.total * ROW_PX);
  }, [follow, order, scrollTo, shown.total]);

  const [active, setActive] = useState<number | null>(null);
  const awaited = useRef<number | null>(null);
  const choose = useLatest((index: number) => {
    setActive(shown.offsetAt(index));
    scrollToRow(index);
    if (follow) onFollowChange?.(false);
    const row = shown.at(index);
    awaited.current = row === undefined ? shown.offsetAt(index) : null;
    if (row !== undefined) onSelect?.(row);
  });
  const openRow = useLatest((row: R) => onOpen?.(row));
  // A row chosen by keys may still be on its way from the source.
  useEffect(() => {
    const row = awaited.current === null ? undefined : shown.at(shown.indexOf(awaited.current));
    if (row === undefined) return;
    awaited.current = null;
    onSelect?.(row);
  }, [shown, onSelect]);

  const selectedKey = props.selectedKey;
  const activeIndex = active === null ? -1 : shown.indexOf(active);
  const isSelected = (row: R | undefined, index: number) => (selectedKey === undefined ? index === activeIndex : row !== undefined && selectedKey !== null && rowKey(row) === selectedKey);
  const current = () => {
    const row = activeIndex < 0 ? undefined : shown.at(activeIndex);
    if (source || selectedKey == null || (row !== undefined && rowKey(row) === selectedKey)) return activeIndex;
    for (let index = 0; index < shown.total; index += 1) {
      const other = shown.at(index);
      if (other !== undefined && rowKey(other) === selectedKey) return index;
    }
    return activeIndex;
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    // A link or a button in a row has keys of its own.
    if (event.target !== event.currentTarget && event.target instanceof Element && event.target.closest("a, button, input") !== null) return;
    const at = current();
    if (event.key === "Enter") {
      const row = at < 0 ? undefined : shown.at(at);
      if (row !== undefined && !event.shiftKey) (onOpen ?? onSelect)?.(row);
      return;
    }
    const to = moveByKey(event.key, at, shown.total, height);
    if (to === null) return;
    event.preventDefault();
    choose(to);
  };

  const widths = useColumnWidths(props.id, columns);
  const layout = useMemo<CSSProperties>(() => ({ gridTemplateColumns: widths.template, minWidth: widths.least }), [widths]);
  const rowId = useId();
  const error = props.error ?? shown.error;
  const indexes = Array.from({ length: Math.min(view.count, shown.total - view.first) }, (_, step) => view.first + step);
  const fit = props.rowsMax === undefined ? undefined : { height: HEAD_PX + Math.max(1, Math.min(shown.total, props.rowsMax)) * ROW_PX + 1 };
  return (
    <div className={cx(styles["frame"], fit && styles["fit"])} style={fit} data-testid={props.id} data-total={shown.total}>
      {error != null && shown.total > 0 && <div className={styles["note"]}><ErrorNote error={error} /></div>}
      <div
        ref={box}
        className={styles["box"]}
        role="grid"
        aria-label={props.label}
        aria-rowcount={shown.total + 1}
        aria-colcount={columns.length}
        aria-activedescendant={activeIndex >= view.first && activeIndex < view.first + view.count ? `${rowId}-${activeIndex}` : undefined}
        tabIndex={0}
        onKeyDown={onKey}
        onPointerMove={onPointerMove}
      >
        {columns.length > 0 && <Header columns={columns} layout={layout} sort={sort} onSort={onSort} onResize={widths.resize} />}
        <div className={styles["body"]} style={{ height: scrollHeight(shown.total), minWidth: widths.least }}>
          {indexes.map((index) => {
            const row = shown.at(index);
            return (
              // By its place, not by its record: under a stream the rows' elements stay and take other texts, which
              // costs a fraction of making sixty rows anew.
              <Row
                key={index}
                id={`${rowId}-${index}`}
                testKey={row === undefined ? undefined : rowKey(row)}
                index={index}
                row={row}
                gone={row === undefined && shown.isGone(index)}
                columns={columns}
                layout={layout}
                top={index * ROW_PX + view.shift}
                selected={isSelected(row, index)}
                onChoose={choose}
                onOpen={openRow}
                openOnClick={props.openOnClick ?? false}
              />
            );
          })}
        </div>
      </div>
      <Over {...props} total={shown.total} error={error} />
      {follow !== undefined && held && shown.unseen > 0 && (
        <button type="button" className={styles["pill"]} title="Show them and follow what arrives" data-testid="unseen" onClick={() => onFollowChange?.(true)}>
          {number(shown.unseen)} new {order === "newest-first" ? "↑" : "↓"}
        </button>
      )}
    </div>
  );
}

/** What stands where rows would be. */
function Over<R>({ total, error, onRetry, errorActions, loading, loadingLabel, empty }: TableProps<R> & { total: number }) {
  if (total > 0) return null;
  const content = error != null ? <ErrorState error={error} onRetry={onRetry} actions={errorActions} /> : loading ? <Loading {...(loadingLabel !== undefined && { label: loadingLabel })} /> : (empty ?? <EmptyState title="Nothing here" />);
  return <div className={styles["over"]}>{content}</div>;
}

interface RowProps<R> {
  id: string;
  testKey: string | undefined;
  index: number;
  row: R | undefined;
  gone: boolean;
  columns: readonly Column<R>[];
  layout: CSSProperties;
  top: number;
  selected: boolean;
  onChoose: (index: number) => void;
  onOpen: (row: R) => void;
  openOnClick: boolean;
}

function RowView<R>({ id, testKey, index, row, gone, columns, layout, top, selected, onChoose, onOpen, openOnClick }: RowProps<R>) {
  return (
    <div
      id={id}
      className={styles["row"]}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-testid="row"
      data-key={testKey}
      style={{ ...layout, transform: `translateY(${top}px)` }}
      onPointerDown={(event) => event.button === 0 && onChoose(index)}
      onClick={() => openOnClick && row !== undefined && onOpen(row)}
      onDoubleClick={() => !openOnClick && row !== undefined && onOpen(row)}
    >
      {gone && <div className={styles["gone"]} role="gridcell">left the table</div>}
      {!gone && columns.map((column, at) => (
        <div
          key={column.id}
          className={cx(styles["cell"], column.mono && styles["mono"], row === undefined ? styles["waiting"] : column.tone)}
          role="gridcell"
          aria-colindex={at + 1}
          data-align={column.align}
          data-col={column.id}
        >
          {row === undefined ? "·" : column.cell(row)}
        </div>
      ))}
    </div>
  );
}

const Row = memo(RowView) as typeof RowView;

/** A function that stays the same and does what the last render says: rows are not drawn again for its sake. */
function useLatest<A extends readonly unknown[]>(act: (...args: A) => void): (...args: A) => void {
  const latest = useRef(act);
  useLayoutEffect(() => {
    latest.current = act;
  });
  return useCallback((...args: A) => latest.current(...args), []);
}

function useSort<R>({ sort, onSort, initialSort }: TableProps<R>): [Sort | null, (column: string) => void] {
  const [own, setOwn] = useState<Sort | null>(initialSort ?? null);
  const now = sort === undefined ? own : sort;
  const toggle = (column: string) => {
    const next = { column, descending: now?.column === column ? !now.descending : false };
    if (onSort) onSort(next);
    else setOwn(next);
  };
  return [now, toggle];
}

/** True from a movement of the pointer until it has rested a while. */
function usePointerHold(): [boolean, () => void] {
  const [pointed, setPointed] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const moved = useCallback(() => {
    setPointed(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setPointed(false), POINTER_HOLD_MS);
  }, []);
  return [pointed, moved];
}
