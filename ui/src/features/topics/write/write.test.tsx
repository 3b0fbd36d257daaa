import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { Shell } from "@/app/Shell";
import { show } from "@/testing/render";

const FIRST_MS = 10_000;
const type = (id: string, value: string) => fireEvent.change(screen.getByTestId(id), { target: { value } });

test("one record is written as it was typed, and its place is told", async () => {
  const asked = show(<Shell />, "#/topics/sandbox/shop.orders?tab=partitions");
  const button = await screen.findByTestId<HTMLButtonElement>("topic-produce", {}, { timeout: FIRST_MS });
  await waitFor(() => expect(button.disabled).toBe(false));
  fireEvent.click(button);
  await screen.findByTestId("produce-record");
  type("produce-record-key", "k");
  type("produce-record-value", '{"a": 1}');
  type("produce-record-headers", "no header");
  fireEvent.click(screen.getByTestId("produce-record-submit"));
  expect(asked.some(({ name }) => name === "record_produce")).toBe(false);
  type("produce-record-headers", "h=1");
  type("produce-record-partition", "3");
  fireEvent.click(screen.getByTestId("produce-record-submit"));
  expect((await screen.findByTestId("produced")).textContent).toContain("partition 3, offset 88,214");
  expect(asked.find(({ name }) => name === "record_produce")?.request).toEqual({
    cluster: "sandbox", topic: "shop.orders", key: "k", value: '{"a": 1}', headers: [{ name: "h", value: "1" }], partition: 3, timestamp_ms: null, value_schema: null, key_schema: null,
  });
}, FIRST_MS + 5000);

test("a copy that was interrupted goes on when that is said", async () => {
  const interrupted = { code: "copy_interrupted", message: "this copy was interrupted after 300 records; every record before 0:300 is copied" };
  const asked = show(<Shell />, "#/topics/prod-eu/shop.orders?tab=partitions&where=value.a%20%3D%201", { topic_copy: interrupted });
  expect((await screen.findByTestId<HTMLButtonElement>("topic-produce", {}, { timeout: FIRST_MS })).disabled).toBe(true);
  fireEvent.click(screen.getByTestId("topic-copy"));
  await screen.findByTestId("copy-form");
  await waitFor(() => expect(screen.getByTestId("copy-form").textContent).toContain("sandbox"));
  fireEvent.click(screen.getByTestId("copy-form-submit"));
  expect((await screen.findByTestId("copy-error")).textContent).toContain("every record before 0:300");
  fireEvent.click(screen.getByTestId("copy-go-on"));
  await waitFor(() => expect(asked.filter(({ name }) => name === "topic_copy")).toHaveLength(2));
  const request = { from_cluster: "prod-eu", topic: "shop.orders", to_cluster: "sandbox", to_topic: "shop.orders", filter: "value.a = 1", start: "beginning", offsets: [], stop_at_end: true, keep_partition: false, keep_timestamps: true };
  expect(asked.filter(({ name }) => name === "topic_copy").map((each) => each.request)).toEqual([{ ...request, interrupted: "ask" }, { ...request, interrupted: "go_on" }]);
}, FIRST_MS + 5000);

test("an export takes every record that the table is asked for", async () => {
  const asked = show(<Shell />, "#/topics/sandbox/shop.orders?where=value.a%20%3D%201");
  fireEvent.click(await screen.findByTestId("tail-export", {}, { timeout: FIRST_MS }));
  await screen.findByTestId("export-form");
  fireEvent.click(screen.getByTestId("export-form-submit"));
  expect((await screen.findByTestId("export-outcome")).textContent).toContain("88 of 1,204 records scanned");
  const { request } = asked.find(({ name }) => name === "tail_export") ?? {};
  // A table that begins now has everything before it exported, up to now.
  expect(request).toMatchObject({ path: "shop.orders.jsonl", format: "json_lines", tail: { topic: "shop.orders", filter: "value.a = 1", start: "beginning", stop_at_end: true } });
}, FIRST_MS + 5000);
