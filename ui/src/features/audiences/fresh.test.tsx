import { QueryClientProvider } from "@tanstack/react-query";
import { act, render, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Revision, Topic } from "@/bindings";
import { newQueryClient, setTransport } from "@/platform";
import { fixture } from "@/testing/fixture";
import Audiences from ".";

test("what is shown says how old it is, and is evaluated again as events arrive", async () => {
  const engine = fixture();
  const asked: string[] = [];
  const told: { topic: Topic; tell: (revision: Revision) => void }[] = [];
  setTransport({
    call: (name, request) => (asked.push(name), engine.call(name, request)),
    subscribe: (topic, tell) => (told.push({ topic, tell }), Promise.resolve(() => {})),
  });
  window.history.replaceState(null, "", "#/audiences/loyal-pro");
  render(<QueryClientProvider client={newQueryClient()}><Audiences /></QueryClientProvider>);
  await waitFor(() => expect(screen.getByTestId("preview-size").textContent).toContain("9,930"));
  expect(screen.getByTestId("preview-size").textContent).toMatch(/evaluated (just now|\d+ s ago)/);
  expect(screen.getByTestId("members").textContent).toMatch(/evaluated (just now|\d+ s ago)/);
  const before = asked.filter((name) => name === "audience_preview").length;
  act(() => {
    for (const { topic, tell } of told) if (topic === "events") tell({ revision: 7, total: 7 });
  });
  await waitFor(() => expect(asked.filter((name) => name === "audience_preview").length).toBeGreaterThan(before));
});
