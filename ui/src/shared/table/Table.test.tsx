import { act, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { Table, type Column, type WindowSource } from ".";

interface Row {
  id: number;
  name: string;
  size: number | null;
}

const COLUMNS: readonly Column<Row>[] = [
  { id: "name", title: "name", width: 100, grow: true, cell: (row) => row.name, sortBy: (row) => row.name },
  { id: "size", title: "size", width: 80, align: "right", cell: (row) => row.size ?? "—", sortBy: (row) => row.size },
];
const rowsOf = (count: number): Row[] => Array.from({ length: count }, (_, id) => ({ id, name: `row ${id}`, size: id % 3 === 0 ? null : id }));
const key = (row: Row) => String(row.id);
const shownKeys = () => screen.queryAllByTestId("row").map((row) => row.dataset["key"]);

test("about sixty rows are in the document, whatever the total", () => {
  render(<Table id="t" label="Rows" columns={COLUMNS} rowKey={key} rows={rowsOf(100_000)} />);
  expect(screen.getAllByTestId("row")).toHaveLength(60);
  expect(screen.getByRole("grid").getAttribute("aria-rowcount")).toBe("100001");
});

test("sorting keeps unknown values last either way", () => {
  render(<Table id="t" label="Rows" columns={COLUMNS} rowKey={key} rows={rowsOf(6)} />);
  fireEvent.click(screen.getByTestId("sort-size"));
  expect(shownKeys()).toEqual(["1", "2", "4", "5", "0", "3"]);
  fireEvent.click(screen.getByTestId("sort-size"));
  expect(shownKeys()).toEqual(["5", "4", "2", "1", "0", "3"]);
  expect(screen.getByRole("columnheader", { name: /size/ }).getAttribute("aria-sort")).toBe("descending");
});

test("keys move and open", () => {
  const select = vi.fn();
  const open = vi.fn();
  render(<Table id="t" label="Rows" columns={COLUMNS} rowKey={key} rows={rowsOf(500)} onSelect={select} onOpen={open} />);
  const grid = screen.getByRole("grid");
  for (const name of ["ArrowDown", "ArrowDown", "End", "Home", "PageDown"]) fireEvent.keyDown(grid, { key: name });
  expect(select.mock.calls.map(([row]) => (row as Row).id)).toEqual([0, 1, 499, 0, 20]);
  fireEvent.keyDown(grid, { key: "Enter" });
  expect(open).toHaveBeenCalledWith(expect.objectContaining({ id: 20 }));
});

test("empty, loading and failed say so", () => {
  const base = { id: "t", label: "Rows", columns: COLUMNS, rowKey: key };
  const { rerender } = render(<Table {...base} rows={[]} empty={<p>Nothing to see</p>} />);
  expect(screen.getByText("Nothing to see")).toBeTruthy();
  rerender(<Table {...base} loading />);
  expect(screen.getByTestId("loading")).toBeTruthy();
  rerender(<Table {...base} error={{ domain: "external", retry: true, code: "broker_down", message: "No broker of prod answers." }} />);
  expect(screen.getByTestId("error").dataset["code"]).toBe("broker_down");
  rerender(<Table {...base} rows={rowsOf(2)} error={new Error("late")} />);
  expect(screen.getAllByTestId("row")).toHaveLength(2);
  expect(screen.getByTestId("error-note")).toBeTruthy();
});

function live(total: number): WindowSource<Row> {
  return { id: "live", revision: total, total, appendOnly: true, rows: (offset, limit) => Promise.resolve(Array.from({ length: limit }, (_, i) => ({ id: offset + i, name: `row ${offset + i}`, size: 0 }))) };
}

test("a followed source shows the newest first; one that is not holds still and counts what arrived", async () => {
  const follow = vi.fn();
  const table = (total: number, following: boolean) => <Table id="t" label="Live" columns={COLUMNS} rowKey={key} source={live(total)} order="newest-first" follow={following} onFollowChange={follow} />;
  const { rerender } = render(table(1000, true));
  await waitFor(() => expect(shownKeys()[0]).toBe("999"));
  rerender(table(1010, true));
  await waitFor(() => expect(shownKeys()[0]).toBe("1009"));
  rerender(table(1010, false));
  rerender(table(1250, false));
  expect(shownKeys()[0]).toBe("1009");
  expect(screen.getByTestId("unseen").textContent).toContain("240 new");
  fireEvent.click(screen.getByTestId("unseen"));
  expect(follow).toHaveBeenCalledWith(true);
  rerender(table(1250, true));
  await waitFor(() => expect(shownKeys()[0]).toBe("1249"));
});

test("new rows are shown once they are there, not empty before", async () => {
  const answers: (() => void)[] = [];
  const source = (total: number): WindowSource<Row> => ({
    id: "slow", revision: total, total, appendOnly: true,
    rows: (offset, limit) => new Promise((resolve) => answers.push(() => resolve(Array.from({ length: limit }, (_, i) => ({ id: offset + i, name: `row ${offset + i}`, size: 0 }))))),
  });
  const table = (total: number) => <Table id="t" label="Live" columns={COLUMNS} rowKey={key} source={source(total)} order="newest-first" follow onFollowChange={() => {}} />;
  const answer = async () => {
    await waitFor(() => expect(answers.length).toBeGreaterThan(0));
    act(() => answers.splice(0).forEach((give) => give()));
  };
  const { rerender } = render(table(1000));
  await answer();
  await waitFor(() => expect(shownKeys()[0]).toBe("999"));
  rerender(table(1005));
  await waitFor(() => expect(answers.length).toBeGreaterThan(0));
  expect(shownKeys()[0]).toBe("999");
  await answer();
  await waitFor(() => expect(shownKeys()[0]).toBe("1004"));
  expect(screen.queryByText("·")).toBeNull();
  // An answer that does not come holds nobody up for long.
  rerender(table(1010));
  await waitFor(() => expect(screen.getByTestId("t").dataset["total"]).toBe("1010"));
});

test("rows keep their order under a pointer that moves, whatever their values become", async () => {
  const table = (sizes: readonly number[]) => <Table id="t" label="Rows" columns={COLUMNS} rowKey={key} rows={sizes.map((size, id) => ({ id, name: `row ${id}`, size }))} initialSort={{ column: "size", descending: true }} />;
  const { rerender } = render(table([1, 2, 3]));
  expect(shownKeys()).toEqual(["2", "1", "0"]);
  fireEvent.pointerMove(screen.getByRole("grid"));
  rerender(table([9, 2, 3, 5]));
  expect(shownKeys()).toEqual(["2", "1", "0", "3"]);
  expect(screen.getByText("9")).toBeTruthy();
  // It rests: the order is taken over.
  await waitFor(() => expect(shownKeys()).toEqual(["0", "3", "2", "1"]));
  fireEvent.pointerMove(screen.getByRole("grid"));
  fireEvent.click(screen.getByTestId("sort-size"));
  expect(shownKeys()).toEqual(["1", "2", "3", "0"]);
});

test("while it is read nothing moves, though the oldest rows leave and columns are found", async () => {
  let first = 0;
  const source = (total: number, version: string): WindowSource<Row> => ({
    id: "live", revision: total, total, start: first, appendOnly: true, version,
    rows: (offset, limit) => Promise.resolve({ first: Math.max(offset, first), rows: Array.from({ length: Math.min(limit, total - Math.max(offset, first)) }, (_, i) => ({ id: Math.max(offset, first) + i, name: `row ${Math.max(offset, first) + i} ${version}`, size: 0 })) }),
  });
  const table = (total: number, version: string, following: boolean) => <Table id="t" label="Live" columns={COLUMNS} rowKey={key} source={source(total, version)} order="newest-first" follow={following} onFollowChange={() => {}} />;
  const { rerender } = render(table(1000, "a", true));
  await waitFor(() => expect(shownKeys()[0]).toBe("999"));
  first = 970;
  rerender(table(1600, "b", false));
  // Decoded anew where they are, each under its own number; those that left are shown as they were seen.
  await waitFor(() => expect(screen.getByText("row 999 b")).toBeTruthy());
  expect(shownKeys()[0]).toBe("999");
  expect(screen.getByText("row 960 a")).toBeTruthy();
  expect(screen.getByTestId("t").dataset["total"]).toBe("1000");
  rerender(table(1600, "b", true));
  await waitFor(() => expect(shownKeys()[0]).toBe("1599"));
  expect(screen.getByTestId("t").dataset["total"]).toBe("630");
});

test("opening a row of a followed source stops following", async () => {
  const follow = vi.fn();
  const select = vi.fn();
  render(<Table id="t" label="Live" columns={COLUMNS} rowKey={key} source={live(100)} order="newest-first" follow onFollowChange={follow} onSelect={select} />);
  await waitFor(() => expect(shownKeys()[3]).toBe("96"));
  const row = screen.getAllByTestId("row")[3]!;
  fireEvent.pointerDown(within(row).getByText("row 96"), { button: 0 });
  expect(select).toHaveBeenCalledWith(expect.objectContaining({ id: 96 }));
  expect(follow).toHaveBeenCalledWith(false);
});

test("the titles are one stop of the Tab key, and have keys of their own", () => {
  const opened = vi.fn();
  render(<Table id="t" label="Rows" columns={COLUMNS} rowKey={key} rows={rowsOf(6)} onOpen={opened} />);
  const [name, size] = [screen.getByTestId("sort-name"), screen.getByTestId("sort-size")];
  expect([name.tabIndex, size.tabIndex]).toEqual([0, -1]);
  fireEvent.keyDown(screen.getByRole("grid"), { key: "ArrowDown" });
  name.focus();
  fireEvent.keyDown(name, { key: "ArrowRight" });
  expect(document.activeElement).toBe(size);
  fireEvent.keyDown(size, { key: "Enter" });
  expect(opened).not.toHaveBeenCalled();
  fireEvent.click(size);
  expect([name.tabIndex, size.tabIndex]).toEqual([-1, 0]);
  fireEvent.keyDown(size, { key: "ArrowDown" });
  expect(document.activeElement).toBe(screen.getByRole("grid"));
});

test("rows that are on their way are not said to be none", () => {
  const frame = vi.spyOn(window, "requestAnimationFrame").mockReturnValue(1);
  const source = (total: number): WindowSource<Row> => ({ id: 1, revision: total, total, rows: () => new Promise(() => {}) });
  const table = (total: number, loading: boolean) => <Table id="t" label="Rows" columns={COLUMNS} rowKey={key} source={source(total)} loading={loading} />;
  const { rerender } = render(table(0, true));
  expect(screen.getByTestId("loading")).toBeTruthy();
  rerender(table(252, false));
  expect(screen.queryByTestId("empty")).toBeNull();
  expect(screen.getByTestId("t").dataset["total"]).toBe("252");
  frame.mockRestore();
});

test("a row is drawn again when it shows something else, and not before", async () => {
  const drawn = vi.fn();
  const columns: readonly Column<Row>[] = [{ id: "name", title: "name", width: 100, cell: (row) => { drawn(row.id); return row.name; } }];
  const table = (total: number, following: boolean) => <Table id="t" label="Live" columns={columns} rowKey={key} source={live(total)} order="newest-first" follow={following} onFollowChange={() => {}} onSelect={() => {}} onOpen={() => {}} />;
  const { rerender } = render(table(1000, true));
  await waitFor(() => expect(shownKeys()[0]).toBe("999"));
  const elements = screen.getAllByTestId("row");
  rerender(table(1000, false));
  drawn.mockClear();
  // Held still: whatever arrives, no row is touched.
  rerender(table(1200, false));
  rerender(table(1400, false));
  await waitFor(() => expect(screen.getByTestId("unseen").textContent).toContain("400"));
  expect(drawn).not.toHaveBeenCalled();
  // Followed: each is drawn once with what is new, where it stands.
  rerender(table(1400, true));
  await waitFor(() => expect(shownKeys()[0]).toBe("1399"));
  expect(drawn).toHaveBeenCalledTimes(60);
  expect(screen.getAllByTestId("row")).toEqual(elements);
});
