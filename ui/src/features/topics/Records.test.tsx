import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import type { TailRequest } from "@/bindings";
import { StatusSlotsContext } from "@/shared/Status";
import { show, type Asked } from "@/testing/render";
import Topics from ".";
import { lineOf } from "./HexView";

const AT = "#/topics/prod-eu/shop.events";
let asked: Asked[] = [];
const started = () => asked.filter(({ name }) => name === "tail_start").map(({ request }) => request as TailRequest);
const rows = () => within(screen.getByTestId("records")).queryAllByTestId("row");

function open(hash: string) {
  const foot = document.createElement("div");
  document.body.append(foot);
  asked = show(<StatusSlotsContext value={{ left: foot, right: null }}><Topics /></StatusSlotsContext>, hash);
}

beforeEach(() => document.body.replaceChildren());

test("a tail is stopped for good, says so, and is run again", async () => {
  open(AT);
  await waitFor(() => expect(rows().length).toBeGreaterThan(10));
  await waitFor(() => expect(screen.getByTestId("tail-state").dataset["state"]).toBe("running"));
  fireEvent.click(screen.getByTestId("tail-stop"));
  await waitFor(() => expect(screen.getByTestId("tail-state").dataset["state"]).toBe("stopped"));
  expect(screen.getByTestId("tail-pause").textContent).toContain("Stopped");
  expect(rows().length).toBeGreaterThan(10);
  fireEvent.click(screen.getByTestId("tail-run"));
  await waitFor(() => expect(screen.getByTestId("tail-state").dataset["state"]).toBe("running"));
  expect(started()).toHaveLength(2);
});

test("the address says where to start, where to stop and which partitions", async () => {
  open(`${AT}?from=offset&at=88213968&until=51+records&partitions=1,+3-4&record=1-88213993`);
  await waitFor(() => expect(started()).toHaveLength(1));
  expect(started()[0]).toMatchObject({ start: { offset: 88213968 }, limit: 51, partitions: [1, 3, 4], stop_at_end: false });
  await waitFor(() => expect(screen.getByTestId("record").dataset["offset"]).toBe("88213993"));
  await waitFor(() => expect(screen.getByTestId("tail-note").textContent).toBe("Stopped after 51 matched records, as asked"));
  expect(screen.getByTestId("tail-from").textContent).toContain("offset 88,213,968, 51 records");
});

test("a start is chosen in the panel", async () => {
  open(AT);
  fireEvent.click(await screen.findByTestId("tail-from"));
  fireEvent.click(await screen.findByTestId("tail-from-last"));
  const at = await screen.findByTestId("tail-at");
  fireEvent.change(at, { target: { value: "12x" } });
  expect(screen.getByTestId<HTMLButtonElement>("tail-at-apply").disabled).toBe(true);
  fireEvent.change(at, { target: { value: "500" } });
  fireEvent.keyDown(at, { key: "Enter" });
  await waitFor(() => expect(started().at(-1)).toMatchObject({ start: { last: 500 } }));
  expect(window.location.hash).toBe(`${AT}?from=last&at=500`);
});

test("a time is read back with its zone, and an end may be set", async () => {
  open(AT);
  fireEvent.click(await screen.findByTestId("tail-from"));
  fireEvent.click(await screen.findByTestId("tail-until-time"));
  const until = await screen.findByTestId("tail-until");
  fireEvent.change(until, { target: { value: "2026-03-09 14:00" } });
  expect(screen.getByTestId("tail-until-read").textContent).toMatch(/^2026-03-09 14:00:00 UTC/);
  fireEvent.click(screen.getByTestId("tail-until-apply"));
  await waitFor(() => expect(started().at(-1)).toMatchObject({ start: "end", until_ms: new Date(2026, 2, 9, 14).getTime() }));
});

test("partitions are chosen and taken back", async () => {
  open(AT);
  fireEvent.click(await screen.findByTestId("tail-partitions"));
  for (const partition of [3, 4, 7]) fireEvent.click(await screen.findByTestId(`tail-partition-${partition}`));
  fireEvent.click(screen.getByTestId("tail-partition-7"));
  fireEvent.click(screen.getByTestId("tail-partitions-done"));
  await waitFor(() => expect(started().at(-1)).toMatchObject({ partitions: [3, 4] }));
  expect(screen.getByTestId("tail-partitions").textContent).toContain("3, 4");
});

test("what cannot be read starts nothing and says why", async () => {
  open(`${AT}?from=time&at=yesterday`);
  expect((await screen.findByTestId("tail-wrong")).textContent).toMatch(/^Write a time/);
  expect(started()).toHaveLength(0);
});

test("a full table says what left it", async () => {
  open(`${AT}?from=beginning`);
  await waitFor(() => expect(screen.getByTestId("tail-evicted").textContent).toMatch(/left the table 212,\d{3}/));
  await waitFor(() => expect(Number(screen.getByTestId("records").dataset["total"])).toBeLessThan(201_000));
});

test("the rate is asked for again when nothing arrives: it falls to 0 by itself", async () => {
  open(`${AT}?from=offset&at=88213968&until=51+records`);
  await waitFor(() => expect(screen.getByTestId("tail-note")).toBeTruthy());
  const times = () => asked.filter(({ name }) => name === "tail_status").length;
  const before = times();
  await waitFor(() => expect(times()).toBeGreaterThan(before + 1));
});

test("a format is chosen and remembered, and the records are read again", async () => {
  open(AT);
  await waitFor(() => expect(screen.getByTestId("tail-format").textContent).toContain("As: JSON"));
  fireEvent.click(screen.getByTestId("tail-format"));
  fireEvent.click(await screen.findByTestId("tail-format-value"));
  const avro = await screen.findByTestId("tail-format-value-avro");
  fireEvent.mouseMove(avro);
  await waitFor(() => expect(avro.dataset["highlighted"]).toBe(""));
  fireEvent.pointerDown(avro);
  fireEvent.click(avro);
  fireEvent.change(await screen.findByTestId("tail-format-value-schema"), { target: { value: "schemas/order.avsc" } });
  fireEvent.click(screen.getByTestId("tail-format-use"));
  await waitFor(() => expect(started()).toHaveLength(2));
  const saved = asked.find(({ name }) => name === "topic_formats_save")?.request;
  expect(saved).toEqual({ cluster: "prod-eu", topic: "shop.events", formats: { value: { format: "avro", schema: "schemas/order.avsc" }, key: null } });
});

test("a record's bytes are shown as they are, and it is compared with another", async () => {
  open(`${AT}?record=1-88213993`);
  fireEvent.click(await screen.findByTestId("record-view-raw"));
  expect((await screen.findByTestId("record-raw")).textContent).toContain("Order Completed");
  fireEvent.click(screen.getByTestId("record-view-hex"));
  await screen.findByTestId("record-hex");
  expect(asked.some(({ name }) => name === "record_bytes")).toBe(true);
  fireEvent.click(screen.getByTestId("record-compare"));
  await waitFor(() => expect(screen.getByTestId("record-compare-end").textContent).toContain("Choose the other record"));
  expect(window.location.hash).toContain("compare=1-88213993");
});

test("two records are told apart by their fields", async () => {
  open(`${AT}?record=1-88213993&compare=0-88213990`);
  const differences = await screen.findByTestId("record-differences");
  expect(differences.textContent).toContain("value.properties.revenue");
  expect(differences.textContent).toContain("not there");
  expect(differences.textContent).toContain("2 differences, 11 alike");
});

test("a line of bytes is digits in pairs and what they are in ASCII", () => {
  expect(lineOf("4f72646572000aff", 0, 16)).toEqual({ hex: "4f 72 64 65 72 00 0a ff", text: "Order···" });
  expect(lineOf(undefined, 0, 16)).toEqual({ hex: "", text: "" });
  expect(lineOf("4f72646572000aff41", 0, 8).hex).toBe("4f 72 64 65  72 00 0a ff");
});
