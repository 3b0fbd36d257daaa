import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { Shell } from "@/app/Shell";
import type { DifferenceRow } from "@/bindings";
import { show } from "@/testing/render";
import { folded, levelText } from "./model";

/** The first load of a screen's own code takes a while. */
const FIRST_MS = 10_000;
const open = (hash: string, failures?: Parameters<typeof show>[2]) => show(<Shell />, hash, failures);

test("subjects are listed with their type, versions and level, and searched", async () => {
  open("#/schemas/sandbox");
  const table = await screen.findByTestId("subjects", {}, { timeout: FIRST_MS });
  await waitFor(() => expect(within(table).getAllByTestId("row")).toHaveLength(6));
  const row = (key: string) => within(table).getAllByTestId("row").find((each) => each.dataset["key"] === key);
  await waitFor(() => expect(row("web.pageviews-value")?.textContent).toContain("BACKWARD_TRANSITIVE"));
  expect(row("web.pageviews-value")?.textContent).toContain("Protobuf");
  expect(row("shop.orders-value")?.textContent).toContain("BACKWARD · default");
  fireEvent.change(screen.getByTestId("search"), { target: { value: "billing" } });
  await waitFor(() => expect(within(table).getAllByTestId("row")).toHaveLength(1));
}, FIRST_MS + 5000);

test("two versions are beside each other; what changed has a sign", async () => {
  open("#/schemas/sandbox/shop.orders-value?tab=compare");
  expect((await screen.findByTestId("compare-sum", {}, { timeout: FIRST_MS })).textContent).toMatch(/\+\d+ −\d+ lines/);
  const fields = screen.getAllByTestId("field").map((each) => `${each.dataset["change"] ?? ""} ${each.dataset["path"] ?? ""}`);
  expect(fields).toContain("added ship_to");
  expect(fields).toContain("removed note");
  expect(screen.getAllByTestId("field")[0]?.textContent).toBe("~totaldouble → bytes, decimal(12, 2)");
}, FIRST_MS + 5000);

test("a reference is opened", async () => {
  open("#/schemas/sandbox/shop.orders-value");
  fireEvent.click(await screen.findByTestId("reference", {}, { timeout: FIRST_MS }));
  await waitFor(() => expect(window.location.hash).toBe("#/schemas/sandbox/shop.Address?version=1"));
  expect((await screen.findByTestId("referenced-by")).textContent).toBe("shop.orders-value, version 3");
}, FIRST_MS + 5000);

test("a schema is checked, told why not, and registered only once it was checked and shown", async () => {
  const asked = open("#/schemas/sandbox/billing.invoices-value");
  const button = await screen.findByTestId<HTMLButtonElement>("schema-check-open", {}, { timeout: FIRST_MS });
  await waitFor(() => expect(button.disabled).toBe(false));
  fireEvent.click(button);
  const text = await screen.findByTestId("schema-new-text");
  expect(screen.getByTestId<HTMLButtonElement>("schema-register").disabled).toBe(true);
  fireEvent.change(text, { target: { value: '{"must": 1}' } });
  fireEvent.click(screen.getByTestId("schema-check"));
  expect((await screen.findByTestId("verdict-2")).textContent).toContain("READER_FIELD_MISSING_DEFAULT_VALUE");
  expect(screen.getByTestId("verdict").dataset["compatible"]).toBe("false");
  fireEvent.change(text, { target: { value: '{"default": 1}' } });
  expect(screen.queryByTestId("verdict")).toBeNull();
  fireEvent.click(screen.getByTestId("schema-check"));
  await waitFor(() => expect(screen.getByTestId("verdict").dataset["compatible"]).toBe("true"));
  fireEvent.click(screen.getByTestId("schema-register"));
  const dialog = await screen.findByTestId("schema-change");
  await waitFor(() => expect(dialog.textContent).toContain("Register the Avro schema"));
  expect(within(dialog).getByTestId("cluster-tag").dataset["color"]).toBe("#3ec6a8");
  expect(asked.some(({ name }) => name === "schema_change_apply")).toBe(false);
  fireEvent.click(screen.getByTestId("schema-change-apply"));
  await waitFor(() => expect(asked.find(({ name }) => name === "schema_change_apply")?.request).toEqual({ cluster: "sandbox", change: { kind: "register", subject: "billing.invoices-value", schema: { text: '{"default": 1}', schema_type: null } } }));
}, FIRST_MS + 5000);

test("nothing is changed on a read-only cluster", async () => {
  open("#/schemas/prod-eu/shop.orders-value");
  const remove = await screen.findByTestId<HTMLButtonElement>("subject-delete", {}, { timeout: FIRST_MS });
  expect(remove.disabled).toBe(true);
  expect((await screen.findByTestId<HTMLButtonElement>("version-delete")).disabled).toBe(true);
  expect(screen.getByTestId<HTMLButtonElement>("level").disabled).toBe(true);
}, FIRST_MS + 5000);

test("a cluster without a registry says how to name one, and one that is down says so", async () => {
  open("#/schemas/prod-eu", { subject_list: { code: "no_registry", message: "no registry" } });
  expect((await screen.findByTestId("empty", {}, { timeout: FIRST_MS })).textContent).toContain("Add [registry] with url");
}, FIRST_MS + 5000);

test("levels, and runs of lines that are the same", () => {
  expect(levelText({ level: "FULL", level_is_global: true })).toBe("FULL, the registry’s own");
  expect(levelText({ level: null, level_is_global: null })).toBe("not known");
  const row = (change: DifferenceRow["change"], at: number): DifferenceRow => ({ change, left_line: at, left: String(at), right_line: at, right: null });
  const rows = Array.from({ length: 30 }, (_, at) => row(at === 10 || at === 18 ? "changed" : "same", at));
  const shown = folded(rows).map((line) => ("skipped" in line ? `..${line.skipped}` : line.left));
  expect(shown).toEqual(["..7", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20", "21", "..8"]);
  expect(folded(rows.map((each) => ({ ...each, change: "same" as const })))).toEqual([{ skipped: 30, at: 0 }]);
});
