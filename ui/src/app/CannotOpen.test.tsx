import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { failures } from "@/testing/failures";
import { show } from "@/testing/render";
import { folderIn } from "./CannotOpen";
import { Shell } from "./Shell";

const error = (message: string) => ({ domain: "user" as const, retry: false, code: "x", message });

test.each([
  ["the workspace /home/me/shop workspace is already open in the window (process 12): close that one first", "/home/me/shop workspace"],
  ["/srv/a is no workspace, it has no tailrace.toml: name another folder", "/srv/a"],
  ["/srv/a can't be opened (no such file): name a workspace", "/srv/a"],
  ["the disk is full", null],
])("%j is about %s", (message, folder) => expect(folderIn(error(message))).toBe(folder));

test("a locked workspace is tried again, and stays told while it is locked", async () => {
  const asked = show(<Shell />, "#/topics", failures("locked"));
  const told = await screen.findByTestId("workspace-error");
  expect(told.dataset["code"]).toBe("workspace_locked");
  expect(screen.queryByTestId("shell")).toBeNull();
  fireEvent.click(screen.getByTestId("workspace-retry"));
  await waitFor(() => expect(asked).toContainEqual({ name: "workspace_open", request: { path: "/home/me/shop-workspace" } }));
  expect((await screen.findByTestId("workspace-error")).textContent.match(/already open/g)).toHaveLength(1);
});

test("another folder is opened, and then the window is there", async () => {
  const broken = failures("none");
  const asked = show(<Shell />, "#/topics", broken);
  fireEvent.change(await screen.findByTestId("workspace-path"), { target: { value: "/home/me/other" } });
  delete broken.workspace_show;
  fireEvent.click(screen.getByTestId("workspace-open-action"));
  await waitFor(() => expect(asked).toContainEqual({ name: "workspace_open", request: { path: "/home/me/other" } }));
  expect(await screen.findByTestId("shell")).toBeTruthy();
});
