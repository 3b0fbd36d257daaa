import { render } from "@testing-library/react";
import { expect, test } from "vitest";
import { Lag, LagTime } from "./Lag";

const text = (element: React.ReactElement) => render(element).container.textContent;

test("a lag says what it counts", () => {
  const row = { lag: 1204, lag_in_offsets: false, lost: 0 };
  expect(text(<Lag row={row} />)).toBe("1,204");
  expect(text(<Lag row={{ ...row, lag_in_offsets: true }} />)).toBe("≤1,204");
  expect(text(<Lag row={{ ...row, lost: 3 }} />)).toBe("1,204 !");
  expect(text(<Lag row={{ ...row, lag: null }} pastEnd={50} />)).toBe("past end");
});

test("a lag in time that is guessed has a sign", () => {
  expect(text(<LagTime row={{ lag_ms: 8000, lag_ms_source: "record" }} />)).toBe("8.0 s");
  expect(text(<LagTime row={{ lag_ms: 8000, lag_ms_source: "interpolated" }} />)).toBe("~8.0 s");
  expect(text(<LagTime row={{ lag_ms: null, lag_ms_source: null }} />)).toBe("—");
});
