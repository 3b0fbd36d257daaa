import { QueryClientProvider } from "@tanstack/react-query";
import { fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { newQueryClient, setTransport } from "@/platform";
import { StatusSlotsContext } from "@/shared/Status";
import { fixture } from "@/testing/fixture";
import Sql from ".";

/** The screen on an engine that answers some commands as told; says everything that stood where rows would be. */
function open(answers: Readonly<Record<string, () => unknown>>): string[] {
  const engine = fixture();
  setTransport({ subscribe: () => Promise.resolve(() => {}), call: (name, request) => Promise.resolve(answers[name]?.()).then((answer) => answer ?? engine.call(name, request)) });
  window.history.replaceState(null, "", "#/sql?sql=select+1");
  const foot = document.createElement("div");
  document.body.append(foot);
  render(<QueryClientProvider client={newQueryClient()}><StatusSlotsContext value={{ left: foot, right: null }}><Sql /></StatusSlotsContext></QueryClientProvider>);
  const stood: string[] = [];
  new MutationObserver(() => {
    const text = screen.queryByTestId("empty")?.textContent ?? "";
    if (text !== "" && stood.at(-1) !== text) stood.push(text);
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
  return stood;
}

test("rows that are on their way are waited for: nobody reads that there are none", async () => {
  let answer: () => void = () => {};
  const held = new Promise<void>((resolve) => (answer = resolve));
  const stood = open({ sql_rows: () => held });
  await waitFor(() => expect(document.body.textContent).toContain("5,000 rows"));
  const table = screen.getByTestId("sql-rows");
  expect(within(table).getByTestId("loading")).toBeTruthy();
  answer();
  await waitFor(() => expect(within(table).getAllByTestId("row").length).toBeGreaterThan(10));
  expect(stood.filter((text) => text.includes("No rows"))).toEqual([]);
});

test("an answer without rows says so", async () => {
  const none = { running: false, rows: 0, bytes: 0, columns: [], took_ms: 1, scan: null, note: null, error: null };
  open({ sql_status: () => none, sql_start: () => ({ view: 1e9 }) });
  const table = await screen.findByTestId("sql-rows");
  await waitFor(() => expect(within(table).getByTestId("empty").textContent).toContain("No rows"));
});

test("how far the reading of a topic is, and at its end what is to be known of it", async () => {
  const scan = { records: 2_500_000, bytes: 1_250_000_000, total: 5_000_000, records_per_second: 500_000, bytes_per_second: 250e6, left_ms: 5_000, mistyped: 0, undecoded: 0, lost: 0, said: [] as string[] };
  let status = { running: true, rows: 0, bytes: 0, columns: [], took_ms: 5_000, scan, note: null, error: null };
  open({ sql_status: () => status, sql_start: () => ({ view: 1e9 }) });
  await waitFor(() => expect(screen.getByTestId("sql-scan").textContent).toContain("2,500,000 of 5,000,000 records (50 %)"));
  expect(screen.getByTestId("sql-scan").textContent).toContain("left");
  expect(screen.queryByTestId("sql-said")).toBeNull();
  status = { ...status, running: false, scan: { ...scan, left_ms: 0, said: ["read 2500000 records", "12 fields were of another type"] } };
  open({ sql_status: () => status, sql_start: () => ({ view: 1e9 }) });
  await waitFor(() => expect(screen.getByTestId("sql-said").textContent).toBe("12 fields were of another type"));
});

test("the columns of a topic are looked up when it is opened", async () => {
  open({});
  fireEvent.click(await screen.findByTestId("sql-table-prod.orders"));
  await waitFor(() => expect(screen.getByTestId("sql-catalog").textContent).toContain("value.total"));
});
