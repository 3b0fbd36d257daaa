import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { show } from "@/testing/render";
import Groups from ".";
import { definitionOf, draftOf, emptyDraft } from "./alertForm";

test("what a file says is what the form says", () => {
  const definition = { title: "Behind", clusters: ["prod", "dev"], groups: ["billing-*"], lag: 1000, lag_time: "5 minutes", status: ["warn" as const, "stop" as const], for: "1 minute", desktop: false, webhook: { url: "secret:hook", headers: { Authorization: "secret:token" } }, enabled: true };
  expect(definitionOf(draftOf("behind", definition).values)).toEqual({ definition, wrong: {} });
});

test("what cannot be is said beside its field", () => {
  const { values } = emptyDraft("prod", undefined);
  expect(definitionOf({ ...values, lag_time: "" }).wrong["lag_time"]).toContain("watches for nothing");
  expect(definitionOf({ ...values, lag: 0 }).wrong["lag"]).toContain("1 or more");
  expect(definitionOf({ ...values, url: "https://x", headers: "no header" }).wrong["headers"]).toContain("“no header” is no header");
  expect(definitionOf({ ...values, url: "https://x", headers: "A: b: c\n" }).definition.webhook).toEqual({ url: "https://x", headers: { A: "b: c" } });
});

test("an alert is made, looked at first, and its webhook tried", async () => {
  const asked = show(<Groups />, "#/groups/prod-eu/fraud-scoring");
  fireEvent.click(await screen.findByTestId("alerts-open"));
  fireEvent.click(await screen.findByTestId("alert-new"));
  await screen.findByTestId("alert-form");
  expect(screen.getByTestId<HTMLInputElement>("alert-groups").value).toBe("fraud-scoring");
  fireEvent.click(screen.getByTestId("alert-save"));
  expect(asked.some(({ name }) => name === "alert_save")).toBe(false);
  expect(screen.getByTestId("alert-form").textContent).toContain("Name is needed.");
  const type = (field: string, value: string) => fireEvent.change(screen.getByTestId(`alert-${field}`), { target: { value } });
  type("name", "fraud");
  type("url", "https://hooks.example.org");
  fireEvent.click(screen.getByTestId("alert-preview"));
  expect((await screen.findByTestId("alert-previewed")).textContent).toContain("It holds for 1 group of 1 now");
  fireEvent.click(screen.getByTestId("alert-test"));
  expect((await screen.findByTestId("alert-tested")).textContent).toContain("marked as a test");
  fireEvent.click(screen.getByTestId("alert-save"));
  await waitFor(() => expect(asked.find(({ name }) => name === "alert_save")?.request).toMatchObject({ name: "fraud", create: true, definition: { clusters: ["prod-eu"], groups: ["fraud-scoring"], lag_time: "5 minutes", webhook: { url: "https://hooks.example.org", headers: {} } } }));
});

test("an alert is edited and deleted after one question", async () => {
  const asked = show(<Groups />, "#/groups/prod-eu");
  fireEvent.click(await screen.findByTestId("alerts-open"));
  fireEvent.click(within(await screen.findByTestId("alerts")).getByTestId("alert-edit-behind"));
  expect((await screen.findByTestId<HTMLInputElement>("alert-title")).value).toBe("A group is behind");
  fireEvent.click(screen.getByTestId("alert-delete"));
  expect(asked.some(({ name }) => name === "alert_delete")).toBe(false);
  fireEvent.click(await screen.findByTestId("alert-delete-confirm-action"));
  await waitFor(() => expect(asked.find(({ name }) => name === "alert_delete")?.request).toEqual({ name: "behind" }));
});
