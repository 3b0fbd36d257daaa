import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { show } from "@/testing/render";
import Topics from "..";
import { toBefore, toCreate, toSettings, toTopic } from "./forms";

test("what is typed becomes the change it means", () => {
  expect(toSettings("a = 1\n\n b=c=d ")).toEqual({ settings: { a: "1", b: "c=d" } });
  expect(toSettings("retention").wrong).toContain("“retention” is no setting");
  expect(toTopic("prod/orders")).toEqual({ cluster: "prod", topic: "orders" });
  expect([toTopic("orders"), toTopic("prod/"), toTopic("/orders")]).toEqual([null, null, null]);
  const empty = { topic: " orders ", partitions: "", replication: "", settings: "", like: "" };
  expect(toCreate(empty).change).toEqual({ kind: "create", topic: "orders", configs: {} });
  expect(toCreate({ ...empty, partitions: "6", like: "prod/x", settings: "a=1" }).change).toEqual({ kind: "create", topic: "orders", configs: { a: "1" }, partitions: 6, copy_from: { cluster: "prod", topic: "x" } });
  expect(toCreate({ ...empty, partitions: "six" })).toEqual({ change: null, wrong: "Partitions must be a whole number." });
  expect(toCreate({ ...empty, topic: "" }).change).toBeNull();
  expect([toBefore("end", "", 0), toBefore("offset", "12", 0), toBefore("offset", "soon", 0), toBefore("time", "", 0)]).toEqual(["end", { offset: 12 }, null, null]);
});

test("a topic is deleted after what goes was shown, and as it was shown", async () => {
  const asked = show(<Topics />, "#/topics/sandbox/shop.orders?tab=partitions");
  fireEvent.click(await screen.findByTestId("topic-change"));
  fireEvent.click(await screen.findByTestId("topic-delete-topic"));
  const line = await screen.findAllByTestId("change-line");
  expect(line.map((each) => each.dataset["key"])).toEqual(["topic", "records"]);
  expect(asked.some(({ name }) => name === "topic_change_apply")).toBe(false);
  fireEvent.click(screen.getByTestId("change-apply"));
  await waitFor(() => expect(asked.find(({ name }) => name === "topic_change_apply")?.request).toEqual({ cluster: "sandbox", change: { kind: "delete", topic: "shop.orders" } }));
  await waitFor(() => expect(window.location.hash).toBe("#/topics/sandbox"));
});

test("a setting is changed by a click on it", async () => {
  const asked = show(<Topics />, "#/topics/sandbox/shop.orders?tab=config");
  const table = await screen.findByTestId("topic-config");
  const row = await waitFor(() => { const found = within(table).getAllByTestId("row").find((each) => each.dataset["key"] === "retention.ms"); if (!found) throw new Error("no row"); return found; });
  fireEvent.click(row);
  fireEvent.change(await screen.findByTestId("setting-value"), { target: { value: "86400000" } });
  fireEvent.click(screen.getByTestId("change-preview"));
  fireEvent.click(await screen.findByTestId("change-apply"));
  await waitFor(() => expect(asked.find(({ name }) => name === "topic_change_apply")?.request).toEqual({ cluster: "sandbox", change: { kind: "alter_config", topic: "shop.orders", set: { "retention.ms": "86400000" }, reset: [] } }));
});

test("what was searched for on one tab is not searched for on the next", async () => {
  show(<Topics />, "#/topics/sandbox/shop.orders?tab=config&search=retention");
  await screen.findByTestId("topic-config");
  fireEvent.click(screen.getByTestId("tabs-partitions"));
  await screen.findByTestId("partitions");
  expect(window.location.hash).toBe("#/topics/sandbox/shop.orders?tab=partitions");
});

test("nothing can be changed on a read-only cluster", async () => {
  show(<Topics />, "#/topics/prod-eu/shop.orders?tab=partitions");
  fireEvent.click(await screen.findByTestId("topic-change"));
  const action = await screen.findByTestId("topic-delete-topic");
  await waitFor(() => expect(action.hasAttribute("disabled")).toBe(true));
  expect(screen.getByTestId("topic-change-panel").textContent).toContain("prod-eu is read-only");
});

test("two topics are compared, differences first", async () => {
  show(<Topics />, "#/topics/prod-eu/shop.orders?tab=compare&with=sandbox%2Fshop.orders");
  const table = await screen.findByTestId("comparison");
  await waitFor(() => expect(within(table).getAllByTestId("row")).toHaveLength(2));
  fireEvent.click(screen.getByTestId("compare-all"));
  await waitFor(() => expect(within(table).getAllByTestId("row")).toHaveLength(4));
  expect(screen.getByTestId("compare-count").textContent).toBe("2 differences");
});
