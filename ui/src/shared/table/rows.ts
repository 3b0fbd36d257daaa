/**
 * Rows that live in Rust, seen through a window: the table says which it shows, this asks for what is missing.
 *
 * One request is under way at a time; what is wanted when it returns is asked for next, so a fast scroll costs two
 * requests, not hundreds. Rows already seen stay until newer ones replace them: nothing blinks.
 */

/** A page that says where it begins: rows whose number is less than `first` are gone for good. */
export interface RowsPage<R> {
  first: number;
  rows: readonly R[];
}

/** Answers with the rows from `offset` on, or with a page where rows may be gone. */
export type FetchRows<R> = (offset: number, limit: number) => Promise<readonly R[] | RowsPage<R>>;

/** Rows kept, around those shown. */
const ROWS_KEPT_MAX = 500;
/** Rows that one request asks for. */
const PAGE_MAX = 250;

interface Kept<R> {
  row: R;
  /** What it was fetched under. */
  stamp: Stamp;
}

type Stamp = string | number;

interface Wanted {
  offset: number;
  limit: number;
  revision: number;
  stamp: Stamp;
}

export class RowCache<R> {
  private readonly kept = new Map<number, Kept<R>>();
  private wanted: Wanted | null = null;
  private answered: Wanted | null = null;
  private busy = false;
  private closed = false;
  /** Rows below this number have left the source. */
  private gone = 0;
  /** Why the last request failed; null once one succeeds. */
  error: unknown = null;

  constructor(
    private readonly fetch: FetchRows<R>,
    private readonly changed: () => void,
  ) {}

  get(offset: number): R | undefined {
    return this.kept.get(offset)?.row;
  }

  /** Whether the row has left the source before it was seen. One that was seen is still shown. */
  isGone(offset: number): boolean {
    return offset < this.gone && !this.kept.has(offset);
  }

  /** Rows fetched under another `stamp` are asked for again and shown until the answer comes. */
  want(offset: number, limit: number, revision: number, stamp: Stamp = revision): void {
    this.wanted = { offset, limit: Math.min(limit, PAGE_MAX), revision, stamp };
    if (!this.busy) void this.work();
  }

  /** Forgets everything; answers still under way are dropped. */
  close(): void {
    this.closed = true;
    this.kept.clear();
  }

  private missing(wanted: Wanted): Wanted | null {
    const stale = (offset: number) => offset >= this.gone && this.kept.get(offset)?.stamp !== wanted.stamp;
    let from = wanted.offset;
    let to = wanted.offset + wanted.limit;
    while (from < to && !stale(from)) from += 1;
    while (to > from && !stale(to - 1)) to -= 1;
    return from === to ? null : { ...wanted, offset: from, limit: to - from };
  }

  private async work(): Promise<void> {
    this.busy = true;
    for (;;) {
      const request = this.wanted && this.missing(this.wanted);
      // The same question is not asked twice: a short answer or a failure is an answer until something changes.
      if (request === null || this.closed || same(request, this.answered)) break;
      this.answered = request;
      try {
        const answer = await this.fetch(request.offset, request.limit);
        this.error = null;
        this.keep("rows" in answer ? answer : { first: request.offset, rows: answer }, request);
      } catch (failure) {
        this.error = failure;
      }
      if (!this.isClosed()) this.changed();
    }
    this.busy = false;
  }

  private keep({ first, rows }: RowsPage<R>, request: Wanted): void {
    // A page that begins later than asked says that what lies before it is gone.
    if (first > request.offset) this.gone = Math.max(this.gone, first);
    for (const [index, row] of rows.entries()) this.kept.set(first + index, { row, stamp: request.stamp });
    this.trim();
  }

  private isClosed(): boolean {
    return this.closed;
  }

  private trim(): void {
    if (this.kept.size <= ROWS_KEPT_MAX || this.wanted === null) return;
    const middle = this.wanted.offset + this.wanted.limit / 2;
    for (const offset of this.kept.keys()) {
      if (Math.abs(offset - middle) > ROWS_KEPT_MAX / 2) this.kept.delete(offset);
    }
  }
}

function same(a: Wanted, b: Wanted | null): boolean {
  return b !== null && a.offset === b.offset && a.limit === b.limit && a.revision === b.revision && a.stamp === b.stamp;
}

/** A table whose rows stay in Rust. */
export interface WindowSource<R> {
  /** Names the view: a new name forgets every row. */
  id: string | number;
  revision: number;
  /** Rows are numbered from `start` (0 unless older ones left) to `total`. */
  total: number;
  start?: number;
  rows: FetchRows<R>;
  /** A row with a number never changes: a new revision asks only for rows not seen yet. */
  appendOnly?: boolean;
  /** Of rows that only grow in number: how they are decoded. Another one asks for them again. */
  version?: string | number;
}

/** Which of a source's rows are shown, and in which direction. */
export interface Snapshot {
  id: string | number;
  revision: number;
  start: number;
  total: number;
  /** What rows must have been fetched under to be fresh. */
  stamp: string | number;
}

export type Order = "natural" | "newest-first";

/** The source's number of the row shown at `index`. */
export function offsetAt(index: number, shown: Snapshot, order: Order): number {
  return order === "newest-first" ? shown.total - 1 - index : shown.start + index;
}

export function indexOf(offset: number, shown: Snapshot, order: Order): number {
  return order === "newest-first" ? shown.total - 1 - offset : offset - shown.start;
}
