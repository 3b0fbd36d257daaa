import { useCallback, useMemo, useState, type ReactNode } from "react";

export interface Column<R> {
  id: string;
  title: ReactNode;
  /** Spoken name, where the title is a sign. */
  name?: string;
  /** In px: the width, or the least width of a column that grows. */
  width: number;
  /** Takes what is left, shared with others that grow. */
  grow?: boolean;
  /** Numbers go right. */
  align?: "left" | "right";
  mono?: boolean;
  tone?: "mute" | "faint" | "info" | "accent" | "warn";
  cell: (row: R) => ReactNode;
  /** Makes the column sortable. */
  sortBy?: (row: R) => string | number | null | undefined;
  /** Sortable by the source itself, which `onSort` asks. */
  sortable?: boolean;
}

export interface Sort {
  column: string;
  descending: boolean;
}

const WIDTH_MIN = 36;

export function useColumnWidths(tableId: string, columns: readonly Pick<Column<never>, "id" | "width" | "grow">[]) {
  const key = `tailrace.columns.${tableId}`;
  const [widths, setWidths] = useState<Readonly<Record<string, number>>>(() => read(key));
  const resize = useCallback(
    (id: string, width: number | null) => {
      setWidths((before) => {
        const { [id]: _, ...rest } = before;
        const next = width === null ? rest : { ...before, [id]: Math.max(WIDTH_MIN, Math.round(width)) };
        window.localStorage.setItem(key, JSON.stringify(next));
        return next;
      });
    },
    [key],
  );
  return useMemo(() => {
    const template = columns.map(({ id, width, grow }) => {
      const chosen = widths[id];
      if (chosen !== undefined) return `${chosen}px`;
      return grow ? `minmax(${width}px, 1fr)` : `${width}px`;
    });
    // Without a column that grows, an empty one takes the rest, so that rows reach the edge.
    const fills = columns.some(({ id, grow }) => grow && widths[id] === undefined);
    const least = columns.reduce((sum, { id, width }) => sum + (widths[id] ?? width), 0);
    return { template: fills ? template.join(" ") : `${template.join(" ")} minmax(0, 1fr)`, least, resize };
  }, [columns, widths, resize]);
}

function read(key: string): Record<string, number> {
  try {
    const kept: unknown = JSON.parse(window.localStorage.getItem(key) ?? "{}");
    if (typeof kept !== "object" || kept === null) return {};
    return Object.fromEntries(Object.entries(kept).filter((entry): entry is [string, number] => typeof entry[1] === "number"));
  } catch {
    return {};
  }
}

/** Sorted copy; unknown values last in either direction; equal ones keep their order. */
export function sorted<R>(rows: readonly R[], columns: readonly Column<R>[], sort: Sort | null): readonly R[] {
  const by = sort && columns.find((column) => column.id === sort.column)?.sortBy;
  if (!by) return rows;
  const sign = sort.descending ? -1 : 1;
  return rows
    .map((row) => [by(row), row] as const)
    .sort(([a], [b]) => {
      if (a == null || b == null) return a == null ? (b == null ? 0 : 1) : -1;
      if (typeof a === "number" && typeof b === "number") return sign * (a - b);
      return sign * collator.compare(String(a), String(b));
    })
    .map(([, row]) => row);
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
