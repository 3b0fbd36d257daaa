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
  const asked = show(<Shell />, "#/topics/prod-eu/shop.orders?tab=partitions&where=value.a%20%3D%201");
  expect((await screen.findByTestId<HTMLButtonElement>("topic-produce", {}, { timeout: FIRST_MS })).disabled).toBe(true);
  fireEvent.click(screen.getByTestId("topic-copy"));
  await screen.findByTestId("copy-form");
  fireEvent.click(screen.getByTestId("copy-form-submit"));
  expect(asked.some(({ name }) => name === "topic_copy")).toBe(false);
}, FIRST_MS + 5000);
