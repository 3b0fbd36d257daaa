import type { Column as SqlColumn } from "@/bindings";
import type { Column } from "./table";

/** Columns of rows of cells, as SQL gives them: a null is shown as one. */
export function cellColumns(columns: readonly SqlColumn[]): readonly Column<readonly (string | null)[]>[] {
  return columns.map(({ name, data_type, numeric }, index) => ({
    id: `${index}-${name}`,
    title: <span title={data_type}>{name}</span>,
    name,
    width: numeric ? 120 : /TIME|DATE/.test(data_type) ? 208 : 160,
    grow: index === 0,
    mono: true,
    ...(numeric ? { align: "right" as const } : {}),
    cell: (row) => row[index] ?? <span className="faint">null</span>,
  }));
}
