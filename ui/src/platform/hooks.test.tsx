import { QueryClientProvider } from "@tanstack/react-query";
import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import type { Revision } from "@/bindings";
import { newQueryClient, setTransport, useCall } from ".";
import { AGAIN_MS } from "./hooks";
import { asThrown, NO_TRANSPORT } from "./transport";

afterEach(() => {
  vi.useRealTimers();
  setTransport(NO_TRANSPORT);
});

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

function Groups() {
  const groups = useCall("group_list", { cluster: "prod" }, { topic: "lag" });
  const state = groups.error?.message ?? (groups.isPending ? "loading" : `${groups.data?.length ?? "no"} groups`);
  return <button data-testid="state" onClick={() => void groups.refetch()}>{state}</button>;
}

/** A cluster that takes three seconds to say that it is away; another one that is sampled all the time. */
function away(retry: boolean) {
  vi.useFakeTimers({ shouldAdvanceTime: false });
  let back = false;
  const asked = vi.fn();
  setTransport({
    ...NO_TRANSPORT,
    call: () => {
      asked();
      return new Promise((resolve, reject) => setTimeout(() => (back ? resolve([]) : reject(asThrown({ domain: "external", retry, code: "cluster_unreachable", message: "it does not answer" }))), 3_000));
    },
    subscribe: (_, onRevision) => {
      let revision = 0;
      const timer = setInterval(() => onRevision({ revision: (revision += 1), total: 1 }), 1_000);
      return Promise.resolve(() => clearInterval(timer));
    },
  });
  render(<QueryClientProvider client={newQueryClient()}><Groups /></QueryClientProvider>);
  const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));
  return { asked, pass, comeBack: () => (back = true), state: () => screen.getByTestId("state").textContent };
}

test("a cluster that does not answer stays told as such while it is asked again, and is asked no more often than it is due", async () => {
  const { asked, pass, comeBack, state } = away(true);
  expect(state()).toBe("loading");
  await pass(3_100);
  for (let ms = 0; ms < 4 * (AGAIN_MS + 3_000); ms += 100) {
    expect(state()).toBe("it does not answer");
    await pass(100);
  }
  // The first time, and once in each of the four rounds of asking and resting.
  expect(asked.mock.calls.length).toBe(5);
  comeBack();
  await pass(AGAIN_MS + 3_100);
  expect(state()).toBe("0 groups");
});

test("whoever asks again by hand sees that it is asked", async () => {
  const { pass, state } = away(true);
  await pass(3_100);
  fireEvent.click(screen.getByTestId("state"));
  await pass(100);
  expect(state()).toBe("loading");
  await pass(3_000);
  expect(state()).toBe("it does not answer");
});
