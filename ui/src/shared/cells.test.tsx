import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Column } from "@/bindings";
import { cellColumns, type Cells } from "./cells";

const column = (name: string, data_type: string): Column => ({ name, data_type, numeric: data_type !== "VARCHAR" });
const COLUMNS = [column("event", "VARCHAR"), column("events", "BIGINT"), column("revenue", "DOUBLE"), column("profile_id", "BIGINT")];
const ROWS: Cells[] = [["Order Completed", "17658", "406784.1", "1204331"], ["Home", "952", "24900.45", "7"], ["x", "12", "7", "8"], ["x", "12", null, "9"]];

function cell(index: number, row: number) {
  const shown = cellColumns(COLUMNS, ROWS)[index]!.cell(ROWS[row]!);
  render(<p data-testid="cell">{shown}</p>);
  const element = screen.getByTestId("cell");
  return { text: element.textContent, room: element.querySelector("span")?.style.paddingRight ?? "" };
}

test.each([
  [0, 0, "Order Completed", ""], [1, 0, "17,658", ""], [1, 1, "952", ""],
  // The points lie under each other: what a number lacks after it is room, not a digit that nobody measured.
  [2, 0, "406,784.1", "1ch"], [2, 1, "24,900.45", ""], [2, 2, "7", "3ch"], [2, 3, "null", ""],
  // A name is not counted.
  [3, 0, "1204331", ""],
])("column %i of row %i is %j with %j after it", (index, row, text, room) => expect(cell(index, row)).toEqual({ text, room }));

test("a column is as wide as what it holds, and none takes what is to spare", () => {
  const wide = cellColumns([column("note", "VARCHAR"), column("n", "BIGINT")], [["a".repeat(30), "1"]]);
  const narrow = cellColumns([column("note", "VARCHAR"), column("n", "BIGINT")], [["ab", "1"]]);
  expect(wide[0]!.width).toBeGreaterThan(narrow[0]!.width + 100);
  expect(cellColumns([column("note", "VARCHAR")], [["a".repeat(3000)]])[0]!.width).toBeLessThan(450);
  expect([...wide, ...narrow].some(({ grow }) => grow)).toBe(false);
});
