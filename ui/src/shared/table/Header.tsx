import { useRef, useState, type CSSProperties, type KeyboardEvent, type PointerEvent } from "react";
import styles from "./table.module.css";
import type { Column, Sort } from "./useColumns";

const RESIZE_STEP = 8;

function isSortable<R>(column: Column<R>): boolean {
  return column.sortBy !== undefined || column.sortable === true;
}

interface HeaderProps<R> {
  columns: readonly Column<R>[];
  layout: CSSProperties;
  sort: Sort | null;
  onSort: (column: string) => void;
  onResize: (column: string, width: number | null) => void;
}

/**
 * The titles. They are one stop of the Tab key: the arrows go from title to title, Enter sorts, Shift with an arrow makes
 * the column narrower or wider, and Arrow Down goes on to the rows.
 */
export function Header<R>({ columns, layout, sort, onSort, onResize }: HeaderProps<R>) {
  const sortables = columns.filter(isSortable);
  const stop = sortables.find(({ id }) => id === sort?.column)?.id ?? sortables[0]?.id;
  const onKey = (event: KeyboardEvent<HTMLDivElement>) => {
    // The keys of the rows are not the keys of the titles.
    event.stopPropagation();
    const button = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>("button[data-column]") : null;
    if (button === null) return;
    if (event.key === "ArrowDown") {
      event.preventDefault();
      button.closest<HTMLElement>("[role=grid]")?.focus();
      return;
    }
    const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (step === 0) return;
    event.preventDefault();
    if (event.shiftKey) {
      const width = button.closest("[role=columnheader]")?.getBoundingClientRect().width ?? 0;
      onResize(button.dataset["column"] ?? "", width + step * RESIZE_STEP);
      return;
    }
    const all = [...event.currentTarget.querySelectorAll<HTMLElement>("button[data-column]")];
    all[all.indexOf(button) + step]?.focus();
  };
  return (
    <div className={styles["head"]} role="row" aria-rowindex={1} style={layout} onKeyDown={onKey}>
      {columns.map((column, index) => {
        const sortable = isSortable(column);
        const direction = sort?.column === column.id ? (sort.descending ? "descending" : "ascending") : "none";
        return (
          <div key={column.id} className={styles["title"]} role="columnheader" aria-colindex={index + 1} aria-label={column.name} data-align={column.align} {...(sortable && { "aria-sort": direction })}>
            {sortable ? (
              <button type="button" className={styles["sort"]} tabIndex={column.id === stop ? 0 : -1} data-column={column.id} onClick={() => onSort(column.id)} data-testid={`sort-${column.id}`}>
                <span>{column.title}</span>
                {direction !== "none" && <span className={styles["arrow"]} aria-hidden="true">{direction === "descending" ? "▼" : "▲"}</span>}
              </button>
            ) : (
              <span>{column.title}</span>
            )}
            <Grip name={column.name ?? column.id} onResize={(width) => onResize(column.id, width)} />
          </div>
        );
      })}
    </div>
  );
}

/** The edge of a column: drag it, or move it with the arrows; a double click gives back the column's own width. */
function Grip({ name, onResize }: { name: string; onResize: (width: number | null) => void }) {
  const start = useRef<{ x: number; width: number } | null>(null);
  const [dragging, setDragging] = useState(false);
  const widthOf = (element: Element) => element.parentElement?.getBoundingClientRect().width ?? 0;
  const onMove = (event: PointerEvent) => {
    if (start.current) onResize(start.current.width + event.clientX - start.current.x);
  };
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === "ArrowLeft" ? -RESIZE_STEP : event.key === "ArrowRight" ? RESIZE_STEP : 0;
    if (step === 0) return;
    event.preventDefault();
    event.stopPropagation();
    onResize(widthOf(event.currentTarget) + step);
  };
  return (
    <span
      className={styles["grip"]}
      role="separator"
      aria-orientation="vertical"
      aria-label={`Width of ${name}`}
      tabIndex={-1}
      data-dragging={dragging ? "" : undefined}
      onPointerDown={(event) => {
        event.preventDefault();
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = { x: event.clientX, width: widthOf(event.currentTarget) };
        setDragging(true);
      }}
      onPointerMove={onMove}
      onPointerUp={() => {
        start.current = null;
        setDragging(false);
      }}
      onDoubleClick={() => onResize(null)}
      onKeyDown={onKey}
    />
  );
}
