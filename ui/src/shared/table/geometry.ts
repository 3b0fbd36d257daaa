/**
 * Where rows lie. All rows have one height, so a position is arithmetic, whatever the total.
 *
 * WebKit loses precision, and then rows, in very tall elements: a table is never taller than `SCROLL_PX_MAX`. Beyond
 * that the scroll bar is a map of the rows: dragging it moves in proportion, while the wheel and the keys still move by
 * the pixel. `virtual` is the distance from the first row in a table of full height, `scroll` the element's own.
 */

export const ROW_PX = 28;
export const SCROLL_PX_MAX = 8_000_000;
/** Rows kept in the document, unless the viewport itself is taller. */
export const ROWS_IN_DOM = 60;
/** Rows rendered beyond each edge of the viewport at least. */
const OVERSCAN_MIN = 6;

export function fullHeight(total: number): number {
  return total * ROW_PX;
}

export function scrollHeight(total: number): number {
  return Math.min(fullHeight(total), SCROLL_PX_MAX);
}

export function isMapped(total: number): boolean {
  return fullHeight(total) > SCROLL_PX_MAX;
}

export function maxVirtual(total: number, viewport: number): number {
  return Math.max(0, fullHeight(total) - viewport);
}

export function toVirtual(scroll: number, total: number, viewport: number): number {
  if (!isMapped(total)) return scroll;
  const share = Math.min(1, Math.max(0, scroll / (SCROLL_PX_MAX - viewport)));
  return share * maxVirtual(total, viewport);
}

export function toScroll(virtual: number, total: number, viewport: number): number {
  if (!isMapped(total)) return virtual;
  return (virtual / maxVirtual(total, viewport)) * (SCROLL_PX_MAX - viewport);
}

export interface Range {
  first: number;
  count: number;
}

/** The rows to render: those in view, with the rest of the budget shared before and after. */
export function visibleRange(virtual: number, viewport: number, total: number): Range {
  const inView = Math.ceil(viewport / ROW_PX) + 1;
  const count = Math.min(total, Math.max(ROWS_IN_DOM, inView + 2 * OVERSCAN_MIN));
  const before = Math.floor((count - inView) / 2);
  const first = Math.floor(virtual / ROW_PX) - before;
  return { first: Math.max(0, Math.min(first, total - count)), count };
}

/** The virtual position that brings row `index` into view with the least movement; null when it is in view. */
export function reveal(index: number, virtual: number, viewport: number): number | null {
  const top = index * ROW_PX;
  if (top < virtual) return top;
  if (top + ROW_PX > virtual + viewport) return top + ROW_PX - viewport;
  return null;
}

/** Where a key leads from row `from` (-1: none yet); null: not a key of the table. */
export function moveByKey(key: string, from: number, total: number, viewport: number): number | null {
  const page = Math.max(1, Math.floor(viewport / ROW_PX) - 1);
  const last = total - 1;
  const to = {
    ArrowDown: from + 1,
    ArrowUp: from < 0 ? 0 : from - 1,
    PageDown: from + page,
    PageUp: from - page,
    Home: 0,
    End: last,
  }[key];
  return to === undefined || total === 0 ? null : Math.max(0, Math.min(last, to));
}
