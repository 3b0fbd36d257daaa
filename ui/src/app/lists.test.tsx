import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { failures } from "@/testing/failures";
import { show } from "@/testing/render";
import { Shell } from "./Shell";

/** The first load of a screen's own code takes a while. */
const FIRST_MS = 10_000;

/** Every list of the window: where it is, and a column it is sorted by. */
const LISTS: readonly (readonly [string, string, string | null])[] = [
  ["clusters", "#/clusters", "name"], ["topics", "#/topics", "records"], ["topic-groups", "#/topics/prod-eu/shop.events?tab=groups", "lag"], ["partitions", "#/topics/prod-eu/shop.events?tab=partitions", "end"],
  ["topic-config", "#/topics/prod-eu/shop.events?tab=config", "name"], ["groups", "#/groups", "lag"], ["connectors", "#/connect", "name"], ["sources", "#/events", "events"], ["observed", "#/events?tab=observed", "count"], ["traits", "#/traits", "title"], ["audiences", "#/audiences", "members"],
  ["destinations", "#/destinations", "kind"], ["syncs", "#/destinations", "owed"], ["activities", "#/activity", "title"],
];

test.each(LISTS)("%s is sorted, searched, and says when nothing is found", async (id, hash, column) => {
  show(<Shell />, hash);
  const table = await screen.findByTestId(id, {}, { timeout: FIRST_MS });
  await waitFor(() => expect(within(table).getAllByTestId("row").length).toBeGreaterThan(1));
  const order = () => within(table).getAllByTestId("row").map((row) => row.dataset["key"]).join();
  fireEvent.click(within(table).getByTestId(`sort-${column}`));
  const ascending = order();
  fireEvent.click(within(table).getByTestId(`sort-${column}`));
  expect(order()).not.toBe(ascending);
  fireEvent.change(screen.getByTestId("search"), { target: { value: "zzz" } });
  await waitFor(() => expect(within(table).queryAllByTestId("row")).toHaveLength(0));
  expect(within(table).getByTestId("empty").textContent.length).toBeGreaterThan(10);
}, FIRST_MS + 5000);

test.each(LISTS.filter(([id]) => !["topics", "topic-groups", "groups", "partitions", "topic-config", "connectors"].includes(id)))("%s says what went wrong and can be tried again", async (id, hash) => {
  show(<Shell />, hash, failures("lists"));
  const table = await screen.findByTestId(id, {}, { timeout: FIRST_MS });
  expect((await within(table).findByTestId("error")).dataset["code"]).toBe("store_failed");
  expect(within(table).getByTestId("error-retry")).toBeTruthy();
}, FIRST_MS + 5000);

test.each([["topics", "#/topics"], ["groups", "#/groups"]])("%s of a cluster that does not answer lead to its test", async (id, hash) => {
  show(<Shell />, hash, failures("cluster"));
  const table = await screen.findByTestId(id, {}, { timeout: FIRST_MS });
  fireEvent.click(await within(table).findByTestId("error-cluster"));
  expect(window.location.hash).toBe("#/clusters/prod-eu");
}, FIRST_MS + 5000);
