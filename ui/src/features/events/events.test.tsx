import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { show } from "@/testing/render";
import Events from ".";
import { sides } from "./BeforeAfter";
import { lastHours } from "./Violations";

const rows = (table: string) => within(screen.getByTestId(table)).getAllByTestId("row");
const keys = (table: string) => rows(table).map((row) => row.dataset["key"]);

test("sources are listed, found and opened with what became no event", async () => {
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
  await waitFor(() => expect(rows("quarantine").length).toBe(60));
  fireEvent.change(screen.getByTestId("quarantine-search"), { target: { value: "no identifier" } });
  await waitFor(() => expect(rows("quarantine")[0]?.textContent).toContain("no identifier"));
});

test("a record kept apart opens with its reason, and in its topic, among its neighbours", async () => {
  show(<Events />, "#/events/shop");
  await waitFor(() => expect(rows("quarantine").length).toBe(60));
  fireEvent.pointerDown(rows("quarantine").find((each) => each.dataset["key"] === "487")!, { button: 0 });
  expect((await screen.findByTestId("kept-reason")).textContent).toContain("blocked by the tracking plan");
  fireEvent.click(screen.getByTestId("kept-topic"));
  expect(window.location.hash).toBe("#/topics/sandbox/shop.events?from=offset&at=88213968&until=51+records&partitions=1&record=1-88213993");
});

test("records are mended by a transformation that is seen before it is replayed", async () => {
  show(<Events />, "#/events/shop");
  await waitFor(() => expect(screen.getByTestId<HTMLButtonElement>("quarantine-mend").disabled).toBe(false));
  fireEvent.click(screen.getByTestId("quarantine-mend"));
  expect(screen.getByTestId<HTMLButtonElement>("mend-replay").disabled).toBe(true);
  fireEvent.click(screen.getByTestId("mend-preview"));
  expect((await screen.findByTestId("mend-outcome")).textContent).toContain("1 become events");
  expect(screen.getByTestId("mend-after").textContent).toContain("12.5");
  expect(screen.getByTestId("mend-replay").textContent).toContain("Replay 1");
  fireEvent.click(screen.getByTestId("mend-replay"));
  await waitFor(() => expect(screen.queryByTestId("mend")).toBeNull());
});

test("a transformation is previewed on live records before it can be saved", async () => {
  show(<Events />, "#/events/shop?part=transformation");
  fireEvent.click(await screen.findByTestId("transform-preview"));
  await waitFor(() => expect(screen.getAllByTestId("transform-row").length).toBe(2));
  expect(screen.getByTestId<HTMLButtonElement>("transform-save").disabled).toBe(true);
});

test("what differs between before and after is marked, whatever the order", () => {
  const [before, after] = sides('{"a":1,"b":2}', '{"b":2,"a":3}');
  expect(before.filter(({ own }) => own).map(({ text }) => text.trim())).toEqual(['"a": 1,']);
  expect(after.filter(({ own }) => own).map(({ text }) => text.trim())).toEqual(['"a": 3']);
});

test("violations are counted by event and field and lead to what was kept of them", async () => {
  show(<Events />, "#/events?tab=violations");
  await waitFor(() => expect(keys("violations")).toEqual(["shop/Order Completed/amount", "web/Nobody knows/"]));
  fireEvent.click(screen.getByTestId("violation-kept-Order Completed"));
  expect(window.location.hash).toBe("#/events/shop?event=Order+Completed&field=amount");
});

test("the hours of the last day are counted, and those without any are 0", () => {
  const now = 1_777_593_600_000;
  const counts = lastHours({ hours: [{ hour_ms: now, count: 3 }, { hour_ms: now - 23 * 3_600_000, count: 1 }, { hour_ms: now - 24 * 3_600_000, count: 9 }] }, now + 5);
  expect([counts.length, counts[23], counts[0], counts.reduce((sum, each) => sum + each, 0)]).toEqual([24, 3, 1, 4]);
});

test("a plan is made of what was observed", async () => {
  show(<Events />, "#/events?tab=violations");
  fireEvent.click(await screen.findByTestId("plan-infer"));
  const save = await screen.findByTestId<HTMLButtonElement>("infer-save");
  expect(save.disabled).toBe(true);
  fireEvent.change(screen.getByTestId("infer-name"), { target: { value: "shop" } });
  await waitFor(() => expect(save.disabled).toBe(false));
  fireEvent.click(save);
  await waitFor(() => expect(screen.queryByTestId("infer")).toBeNull());
});

test("plans are listed with who keeps to them, and shown", async () => {
  show(<Events />, "#/events?tab=plans");
  await waitFor(() => expect(keys("plans")).toEqual(["shop"]));
  fireEvent.pointerDown(rows("plans")[0]!, { button: 0 });
  await waitFor(() => expect(screen.getByTestId("plan").textContent).toContain("Order Completed"));
  expect((await screen.findByTestId("plan-since")).textContent).toContain("the plan as it is");
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
