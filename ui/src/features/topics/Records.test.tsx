import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import type { TailRequest } from "@/bindings";
import { StatusSlotsContext } from "@/shared/Status";
import { show, type Asked } from "@/testing/render";
import Topics from ".";

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
