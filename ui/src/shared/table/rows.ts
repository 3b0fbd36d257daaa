/**
 * Rows that live in Rust, seen through a window: the table says which it shows, this asks for what is missing.
 *
 * One request is under way at a time; what is wanted when it returns is asked for next, so a fast scroll costs two
 * requests, not hundreds. Rows already seen stay until newer ones replace them: nothing blinks.
 */

export type FetchRows<R> = (offset: number, limit: number) => Promise<readonly R[]>;

/** Rows kept, around those shown. */
const ROWS_KEPT_MAX = 2000;
/** Rows that one request asks for. */
const PAGE_MAX = 1000;

interface Kept<R> {
  row: R;
  revision: number;
}

interface Wanted {
  offset: number;
  limit: number;
  revision: number;
}

export class RowCache<R> {
  private readonly kept = new Map<number, Kept<R>>();
  private wanted: Wanted | null = null;
  private answered: Wanted | null = null;
  private busy = false;
  private closed = false;
  /** Why the last request failed; null once one succeeds. */
  error: unknown = null;

  /** `appendOnly`: a row at an offset never changes, so a new revision asks only for what is missing. */
  constructor(
    private readonly fetch: FetchRows<R>,
    private readonly appendOnly: boolean,
    private readonly changed: () => void,
  ) {}

  get(offset: number): R | undefined {
    return this.kept.get(offset)?.row;
  }

  want(offset: number, limit: number, revision: number): void {
    this.wanted = { offset, limit: Math.min(limit, PAGE_MAX), revision };
    if (!this.busy) void this.work();
  }

  /** Forgets everything; answers still under way are dropped. */
  close(): void {
    this.closed = true;
    this.kept.clear();
  }

  private missing(wanted: Wanted): Wanted | null {
    const stale = (offset: number) => {
      const entry = this.kept.get(offset);
      return entry === undefined || (!this.appendOnly && entry.revision !== wanted.revision);
    };
    let from = wanted.offset;
    let to = wanted.offset + wanted.limit;
    while (from < to && !stale(from)) from += 1;
    while (to > from && !stale(to - 1)) to -= 1;
    return from === to ? null : { offset: from, limit: to - from, revision: wanted.revision };
  }

  private async work(): Promise<void> {
    this.busy = true;
    for (;;) {
      const request = this.wanted && this.missing(this.wanted);
      // The same question is not asked twice: a short answer or a failure is an answer until something changes.
      if (request === null || this.closed || same(request, this.answered)) break;
      this.answered = request;
      try {
        const rows = await this.fetch(request.offset, request.limit);
        this.error = null;
        for (const [index, row] of rows.entries()) this.kept.set(request.offset + index, { row, revision: request.revision });
        this.trim();
      } catch (failure) {
        this.error = failure;
      }
      if (!this.isClosed()) this.changed();
    }
    this.busy = false;
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
  return b !== null && a.offset === b.offset && a.limit === b.limit && a.revision === b.revision;
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
  appendOnly?: boolean;
}

/** Which of a source's rows are shown, and in which direction. */
export interface Snapshot {
  id: string | number;
  revision: number;
  start: number;
  total: number;
}

export type Order = "natural" | "newest-first";

/** The source's number of the row shown at `index`. */
export function offsetAt(index: number, shown: Snapshot, order: Order): number {
  return order === "newest-first" ? shown.total - 1 - index : shown.start + index;
}

export function indexOf(offset: number, shown: Snapshot, order: Order): number {
  return order === "newest-first" ? shown.total - 1 - offset : offset - shown.start;
}
