/**
 * Columns of rows of cells, as SQL gives them. A column is as wide as what a sample of it holds; what is to spare stands
 * after the last one. Numbers have their thousands apart and stand on their decimal point; a null is shown as one.
 */

import type { ReactNode } from "react";
import type { Column as SqlColumn } from "@/bindings";
import { groupedDigits } from "./format";
import type { Column } from "./table";

export type Cells = readonly (string | null)[];

/** Of a sign of the mono font at the size of a cell, and what stands beside the text. */
const SIGN_PX = 7.3;
const PADDING_PX = 18;
const WIDTH_PX = { min: 64, max: 420 } as const;
/** The title is set in another font, and its sign of order needs room. */
const TITLE_SIGN_PX = 7;
/** Rows looked at for the width of a column. */
const SAMPLE_MAX = 200;
/** Digits that name something rather than count it. */
const NAMES = /(^|_|\b)(id|ids|year|phone|zip|postcode)$|[a-z]Id$/i;

/** Places after the point: `101.70` has 2; null and `1e-7` have none. */
export function fractionDigits(text: string | null | undefined): number {
  return /^-?\d+\.(\d+)$/.exec(text ?? "")?.[1]?.length ?? 0;
}

export function cellColumns(columns: readonly SqlColumn[], sample: readonly Cells[] = []): readonly Column<Cells>[] {
  const seen = sample.slice(0, SAMPLE_MAX);
  return columns.map(({ name, data_type, numeric }, index) => {
    const counts = numeric && !NAMES.test(name);
    const text = (value: string) => (counts ? groupedDigits(value) : value);
    const digits = numeric ? Math.max(0, ...seen.map((row) => fractionDigits(row[index]))) : 0;
    const signs = Math.max(0, ...seen.map((row) => text(row[index] ?? "null").length + (numeric ? missing(row[index], digits) : 0)));
    const guessed = numeric ? 12 : /TIME|DATE/.test(data_type) ? 24 : 18;
    const least = Math.max(WIDTH_PX.min, name.length * TITLE_SIGN_PX + PADDING_PX);
    return {
      id: `${index}-${name}`,
      title: <span title={data_type}>{name}</span>,
      name,
      width: Math.round(Math.min(WIDTH_PX.max, Math.max(least, (seen.length > 0 ? signs : guessed) * SIGN_PX + PADDING_PX)) + (index === 0 || index === columns.length - 1 ? 8 : 0)),
      mono: true,
      ...(numeric ? { align: "right" as const } : {}),
      cell: (row: Cells) => shown(row[index], text, numeric ? digits : 0),
    };
  });
}

function shown(value: string | null | undefined, text: (value: string) => string, digits: number): ReactNode {
  if (value == null) return <span className="faint">null</span>;
  const room = digits === 0 ? 0 : missing(value, digits);
  return room === 0 ? text(value) : <span style={{ paddingRight: `${room}ch` }}>{text(value)}</span>;
}

/** Signs that are missing after a number so that the points of a column lie under each other. */
function missing(value: string | null | undefined, digits: number): number {
  if (value == null || !/^-?\d+(\.\d+)?$/.test(value)) return 0;
  const own = fractionDigits(value);
  return digits - own + (own === 0 && digits > 0 ? 1 : 0);
}
