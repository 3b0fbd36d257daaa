import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { show } from "@/testing/render";
import Events from ".";

const rows = (table: string) => within(screen.getByTestId(table)).getAllByTestId("row");
const keys = (table: string) => rows(table).map((row) => row.dataset["key"]);

test("sources are listed, found and opened with what they could not read", async () => {
  show(<Events />, "#/events");
  await waitFor(() => expect(keys("sources")).toEqual(["billing", "email", "shop", "web"]));
  fireEvent.click(screen.getByTestId("sort-state"));
  expect(keys("sources")[0]).toBe("billing");
  fireEvent.change(screen.getByTestId("search"), { target: { value: "pageviews" } });
  await waitFor(() => expect(keys("sources")).toEqual(["web"]));
  fireEvent.change(screen.getByTestId("search"), { target: { value: "" } });
  await waitFor(() => expect(keys("sources")).toHaveLength(4));
  fireEvent.pointerDown(rows("sources").find((row) => row.dataset["key"] === "shop")!, { button: 0 });
  expect(window.location.hash).toBe("#/events/shop");
  await waitFor(() => expect(rows("malformed").length).toBe(60));
  fireEvent.change(screen.getByTestId("malformed-search"), { target: { value: "no identifier" } });
  await waitFor(() => expect(rows("malformed")[0]?.textContent).toContain("no identifier"));
});

test("a malformed record opens in its topic, among its neighbours", async () => {
  show(<Events />, "#/events/shop");
  await waitFor(() => expect(rows("malformed").length).toBe(60));
  const row = rows("malformed").find((each) => each.dataset["key"] === "shop.events-1-88213993")!;
  fireEvent.click(row);
  expect(window.location.hash).toBe("#/topics/sandbox/shop.events?from=offset&at=88213968&until=51+records&partitions=1&record=1-88213993");
});

test("a failed source says why", async () => {
  show(<Events />, "#/events/billing");
  expect((await screen.findByTestId("source-error")).dataset["code"]).toBe("broker_unreachable");
  expect(screen.getByTestId("source-sql").textContent).toContain("Order Refunded");
});

test("a source that is not there is told", async () => {
  show(<Events />, "#/events/nobody");
  expect((await screen.findByTestId("empty")).textContent).toContain("no source nobody");
});

test("events observed show their counts, properties and values", async () => {
  show(<Events />, "#/events?tab=observed");
  await waitFor(() => expect(keys("observed")[0]).toBe("Product Viewed"));
  fireEvent.pointerDown(rows("observed")[0]!, { button: 0 });
  const property = await screen.findByTestId("property-category");
  expect(property.textContent).toContain("shoes");
  expect(property.textContent).toContain("1k");
  fireEvent.change(screen.getByTestId("search"), { target: { value: "nothing like it" } });
  await waitFor(() => expect(screen.getByTestId("empty").textContent).toContain("nothing like it"));
});
