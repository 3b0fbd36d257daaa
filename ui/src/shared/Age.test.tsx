import { act, render, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { Age } from "./Age";

afterEach(() => {
  vi.useRealTimers();
});

test("a number that stands still grows old", () => {
  vi.useFakeTimers({ now: 1_000_000_000 });
  render(<Age atMs={1_000_000_000} what="evaluated" />);
  expect(screen.getByTestId("age").textContent).toBe("evaluated just now");
  act(() => {
    vi.advanceTimersByTime(12_000);
  });
  expect(screen.getByTestId("age").textContent).toBe("evaluated 12 s ago");
});

test("what was never done is unknown", () => {
  render(<Age atMs={null} what="evaluated" />);
  expect(screen.getByTestId("age").textContent).toBe("evaluated —");
});
