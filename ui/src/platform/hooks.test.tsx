import { QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import type { Revision } from "@/bindings";
import { newQueryClient, setTransport, useCall } from ".";
import { NO_TRANSPORT } from "./transport";

afterEach(() => setTransport(NO_TRANSPORT));

function Shown() {
  const status = useCall("sql_status", { view: 1 }, { topic: { view: 1 } }).data;
  return <output data-testid="state">{status === undefined ? "asked" : status.running ? "running" : "done"}</output>;
}

test("a change that comes while the first answer is under way is asked for again", async () => {
  const answers: ((running: boolean) => void)[] = [];
  let tell: (revision: Revision) => void = () => {};
  setTransport({
    ...NO_TRANSPORT,
    call: () => new Promise((resolve) => answers.push((running) => resolve({ running }))),
    subscribe: (_, onRevision) => {
      tell = onRevision;
      return Promise.resolve(() => {});
    },
  });
  render(<QueryClientProvider client={newQueryClient()}><Shown /></QueryClientProvider>);
  await waitFor(() => expect(answers).toHaveLength(1));
  // It ends, and says so, before the first answer is here.
  tell({ revision: 1, total: 16 });
  answers[0]?.(true);
  await waitFor(() => expect(answers).toHaveLength(2));
  answers[1]?.(false);
  await waitFor(() => expect(screen.getByTestId("state").textContent).toBe("done"));
});
