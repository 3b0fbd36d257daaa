import { QueryClientProvider } from "@tanstack/react-query";
import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { newQueryClient, setTransport } from "@/platform";
import { fixture, type Failures } from "@/testing/fixture";
import { SCREENS } from "./routes";
import { Shell } from "./Shell";

/** The first load of a screen's own code takes a while. */
const FIRST_MS = 10_000;

function open(hash: string, failures?: Failures) {
  setTransport(fixture(failures));
  window.history.replaceState(null, "", hash);
  render(<QueryClientProvider client={newQueryClient()}><Shell /></QueryClientProvider>);
}

beforeEach(() => window.localStorage.clear());

test.each(SCREENS.map((entry) => entry.id))("%s opens from the rail with its rows", async (id) => {
  open("#/nowhere");
  await screen.findByTestId("no-screen");
  fireEvent.click(screen.getByTestId(`rail-${id}`));
  expect(await screen.findByTestId(`screen-${id}`, {}, { timeout: FIRST_MS })).toBeTruthy();
  if (id !== "sql") await waitFor(() => expect(screen.getAllByTestId("row").length).toBeGreaterThan(1));
  expect(screen.queryByTestId("screen-error")).toBeNull();
  expect(screen.getByTestId(`rail-${id}`).getAttribute("aria-current")).toBe("page");
}, FIRST_MS + 5000);

test.each([
  ["#/topics/prod-eu/shop.events", "records"], ["#/topics/prod-eu/shop.events?tab=partitions", "partitions"], ["#/groups/prod-eu/fraud-scoring", "group-detail"],
  ["#/audiences/loyal-pro", "builder"], ["#/audiences/high-value", "audience-sql"], ["#/audiences/loyal-pro?tab=members&explain=1002", "explain"], ["#/audiences/loyal-pro?tab=changes", "changes"],
  ["#/audiences/brand-new?new=conditions", "builder"], ["#/profiles/1003", "profile"], ["#/traits/orders_14d", "trait-form"], ["#/destinations?sync=loyal-pro-to-ads", "sync-runs"],
])("%s is a link to %s", async (hash, testId) => {
  open(hash);
  expect(await screen.findByTestId(testId, {}, { timeout: FIRST_MS })).toBeTruthy();
  expect(screen.queryByTestId("screen-error")).toBeNull();
}, FIRST_MS + 5000);

test("a cluster that does not answer is told with its code and can be tried again", async () => {
  open("#/topics", { topic_list: { code: "broker_unreachable", domain: "external", retry: true, message: "No broker of prod-eu answers at kafka-1:9092. Check the address in clusters/prod-eu.toml." } });
  const error = await screen.findByTestId("error", {}, { timeout: FIRST_MS });
  expect(error.dataset["code"]).toBe("broker_unreachable");
  expect(error.textContent).toContain("clusters/prod-eu.toml");
  expect(screen.getByTestId("error-retry")).toBeTruthy();
}, FIRST_MS + 5000);

test("a workspace that cannot be opened leaves the shell and says why", async () => {
  open("#/topics", { workspace_show: { code: "workspace_locked", message: "This workspace is open in another Tailrace. Close that one, then try again." } });
  expect((await screen.findByTestId("workspace-error")).textContent).toContain("another Tailrace");
});

test("a filter that does not parse is told above the table", async () => {
  open("#/topics/prod-eu/shop.events?where=valu", { tail_start: { code: "sql_syntax", message: "There is no column valu. Did you mean value?", position: { line: 1, column: 1 } } });
  expect((await screen.findByTestId("tail-error", {}, { timeout: FIRST_MS })).dataset["code"]).toBe("sql_syntax");
}, FIRST_MS + 5000);

test("the palette finds and goes", async () => {
  open("#/activity");
  await screen.findByTestId("cluster-menu");
  fireEvent.keyDown(document.body, { key: "k", ctrlKey: true });
  const input = await screen.findByTestId("palette-input");
  await waitFor(() => {
    fireEvent.change(input, { target: { value: "fraud.sc" } });
    expect(screen.getAllByTestId("palette-entry")[0]?.textContent).toContain("fraud.scores");
  });
  fireEvent.keyDown(input, { key: "Enter" });
  expect(window.location.hash).toBe("#/topics/prod-eu/fraud.scores");
});
