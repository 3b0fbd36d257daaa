import { QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor, within } from "@testing-library/react";
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
  const none = { running: false, rows: 0, bytes: 0, columns: [], took_ms: 1, note: null, error: null };
  open({ sql_status: () => none, sql_start: () => ({ view: 1e9 }) });
  const table = await screen.findByTestId("sql-rows");
  await waitFor(() => expect(within(table).getByTestId("empty").textContent).toContain("No rows"));
});
