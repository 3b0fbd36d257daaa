import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { Shell } from "@/app/Shell";
import { show } from "@/testing/render";

/** The first load of a screen's own code takes a while. */
const FIRST_MS = 10_000;

test("a failed connector comes first, says why, and is restarted after one question", async () => {
  const asked = show(<Shell />, "#/connect/sandbox");
  const table = await screen.findByTestId("connectors", {}, { timeout: FIRST_MS });
  const first = (await within(table).findAllByTestId("row"))[0]!;
  expect(first.dataset["key"]).toBe("main/orders-to-warehouse");
  fireEvent.pointerDown(first);
  fireEvent.click(first);
  const task = await screen.findByTestId("task-1");
  expect(task.dataset["state"]).toBe("FAILED");
  expect(within(task).getByTestId("reason").textContent).toContain('column "amount" is of type integer');
  expect(within(task).getByTestId("trace").textContent).toContain("... 12 more");
  fireEvent.click(screen.getByTestId("connector-restart-failed"));
  expect((await screen.findByTestId("confirm")).textContent).toContain("Task 1 of orders-to-warehouse starts again");
  expect(asked.some(({ name }) => name === "connector_act")).toBe(false);
  fireEvent.click(screen.getByTestId("confirm-action"));
  await waitFor(() => expect(screen.getByTestId("task-1").dataset["state"]).toBe("RUNNING"));
  expect(asked.find(({ name }) => name === "connector_act")?.request).toEqual({ cluster: "sandbox", connect: "main", connector: "orders-to-warehouse", act: "restart_failed" });
}, FIRST_MS + 5000);

test("a read-only cluster is looked at, and nothing more", async () => {
  show(<Shell />, "#/connect/prod-eu/main/crm-accounts?tab=config");
  await screen.findByTestId("connector-settings", {}, { timeout: FIRST_MS });
  await waitFor(() => expect(screen.getByTestId<HTMLButtonElement>("connector-restart").disabled).toBe(true));
  expect(screen.getByTestId("connector-settings").textContent).toContain("********");
}, FIRST_MS + 5000);
