import { act, renderHook } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { navigate, parse, path, useQueryParam, useRoute } from "./router";

beforeEach(() => window.history.replaceState(null, "", "#/"));

test.each([
  [["topics", "prod-eu", "shop.events"], "#/topics/prod-eu/shop.events"],
  [["topics", "a/b", "100%?"], "#/topics/a%2Fb/100%25%3F"],
  [["profiles"], "#/profiles"],
])("%j is written as %s and read back", (segments, expected) => {
  expect(path(...segments)).toBe(expected);
  expect(parse(expected).segments).toEqual(segments);
});

test("query values survive, absent ones are left out", () => {
  const hash = path("topics", { where: "value.event = 'A & B'", tab: "", from: null, n: 3 });
  const route = parse(hash);
  expect([...route.query]).toEqual([["where", "value.event = 'A & B'"], ["n", "3"]]);
});

test("a broken escape is kept as it is, not thrown", () => {
  expect(parse("#/topics/%E0%A4%A").segments).toEqual(["topics", "%E0%A4%A"]);
});

test("navigating moves every reader of the route", () => {
  const { result } = renderHook(() => useRoute());
  act(() => navigate(path("groups", "fraud-scoring")));
  expect(result.current.segments).toEqual(["groups", "fraud-scoring"]);
});

test("a query parameter is set in place and cleared by its fallback", () => {
  window.history.replaceState(null, "", "#/topics/t?where=x");
  const before = window.history.length;
  const { result } = renderHook(() => useQueryParam("tab", "records"));
  expect(result.current[0]).toBe("records");
  act(() => result.current[1]("schema"));
  expect(result.current[0]).toBe("schema");
  expect(window.location.hash).toBe("#/topics/t?where=x&tab=schema");
  act(() => result.current[1]("records"));
  expect(window.location.hash).toBe("#/topics/t?where=x");
  expect(window.history.length).toBe(before);
});
