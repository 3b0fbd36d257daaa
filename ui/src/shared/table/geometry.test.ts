import { describe, expect, test } from "vitest";
import * as g from "./geometry";

const VIEW = 700;
const MANY = 10_000_000;

describe("range", () => {
  test.each([
    [0, 5, { first: 0, count: 5 }],
    [0, 1000, { first: 0, count: 60 }],
    [28 * 500, 1000, { first: 483, count: 60 }],
    [28 * 1000, 1000, { first: 940, count: 60 }],
    [0, 0, { first: 0, count: 0 }],
  ])("at %i of %i rows", (virtual, total, expected) => expect(g.visibleRange(virtual, VIEW, total)).toEqual(expected));

  test("covers the viewport wherever it stands, with about sixty rows", () => {
    for (const total of [1, 30, 61, 5000, MANY]) {
      const max = g.maxVirtual(total, VIEW);
      for (let step = 0; step <= 200; step += 1) {
        const virtual = (max * step) / 200;
        const { first, count } = g.visibleRange(virtual, VIEW, total);
        expect(first * g.ROW_PX).toBeLessThanOrEqual(virtual);
        expect((first + count) * g.ROW_PX).toBeGreaterThanOrEqual(Math.min(virtual + VIEW, total * g.ROW_PX));
        expect(count).toBeLessThanOrEqual(60);
      }
    }
  });
  test("a taller viewport has the rows it needs", () => expect(g.visibleRange(0, 2160, MANY).count).toBeGreaterThan(2160 / 28 + 6));
});

describe("mapped scrolling", () => {
  test("the element never grows past the limit", () => {
    expect(g.scrollHeight(1000)).toBe(28_000);
    expect(g.scrollHeight(MANY)).toBe(g.SCROLL_PX_MAX);
    expect(g.isMapped(285_714)).toBe(false);
    expect(g.isMapped(285_715)).toBe(true);
  });
  test("the ends meet and the way back is exact", () => {
    expect(g.toVirtual(0, MANY, VIEW)).toBe(0);
    expect(g.toVirtual(g.SCROLL_PX_MAX - VIEW, MANY, VIEW)).toBe(g.maxVirtual(MANY, VIEW));
    for (const virtual of [0, 1, 28, 123_456_789, g.maxVirtual(MANY, VIEW)]) {
      expect(g.toVirtual(g.toScroll(virtual, MANY, VIEW), MANY, VIEW)).toBeCloseTo(virtual, 3);
    }
  });
  test("a small table scrolls as it is", () => expect(g.toVirtual(333, 100, VIEW)).toBe(333));
});

describe("keys", () => {
  test.each([
    ["ArrowDown", -1, 0], ["ArrowDown", 3, 4], ["ArrowDown", 99, 99], ["ArrowUp", -1, 0], ["ArrowUp", 3, 2], ["ArrowUp", 0, 0],
    ["PageDown", 0, 24], ["PageUp", 30, 6], ["Home", 50, 0], ["End", 0, 99], ["x", 5, null],
  ])("%s from %i leads to %s", (key, from, expected) => expect(g.moveByKey(key, from, 100, VIEW)).toBe(expected));
  test("an empty table moves nowhere", () => expect(g.moveByKey("ArrowDown", -1, 0, VIEW)).toBeNull());
  test("reveal moves no more than it must", () => {
    expect(g.reveal(10, 0, VIEW)).toBeNull();
    expect(g.reveal(3, 280, VIEW)).toBe(84);
    expect(g.reveal(40, 0, VIEW)).toBe(41 * 28 - VIEW);
  });
});
