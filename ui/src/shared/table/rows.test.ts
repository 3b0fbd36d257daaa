import { expect, test, vi } from "vitest";
import { indexOf, offsetAt, RowCache, type FetchRows } from "./rows";

/** A source whose answers are given by hand. */
function held() {
  const asked: { offset: number; limit: number; answer: (rows?: readonly string[]) => void; fail: (why: unknown) => void }[] = [];
  const fetch: FetchRows<string> = (offset, limit) =>
    new Promise((resolve, reject) => {
      asked.push({
        offset, limit,
        answer: (rows) => resolve(rows ?? Array.from({ length: limit }, (_, i) => `row ${offset + i}`)),
        fail: reject,
      });
    });
  return { asked, fetch, last: () => asked.at(-1)! };
}
const settle = () => new Promise<void>((resolve) => queueMicrotask(() => queueMicrotask(() => queueMicrotask(resolve))));

test("asks once, keeps the rows, tells of them", async () => {
  const source = held();
  const changed = vi.fn();
  const cache = new RowCache(source.fetch, true, changed);
  cache.want(100, 60, 1);
  expect(cache.get(100)).toBeUndefined();
  source.last().answer();
  await settle();
  expect(cache.get(100)).toBe("row 100");
  expect(cache.get(159)).toBe("row 159");
  cache.want(100, 60, 1);
  expect(source.asked).toHaveLength(1);
  expect(changed).toHaveBeenCalledTimes(1);
});

test("a fast scroll asks for where it ended, not for the way", async () => {
  const source = held();
  const cache = new RowCache(source.fetch, true, () => {});
  for (let at = 0; at <= 5000; at += 50) cache.want(at, 60, 1);
  expect(source.asked).toHaveLength(1);
  source.last().answer();
  await settle();
  expect(source.asked.map((a) => a.offset)).toEqual([0, 5000]);
});

test("what only grows asks for new rows alone; what changes asks again but keeps showing", async () => {
  for (const [appendOnly, offset, limit] of [[true, 60, 5], [false, 5, 60]] as const) {
    const source = held();
    const cache = new RowCache(source.fetch, appendOnly, () => {});
    cache.want(0, 60, 1);
    source.last().answer();
    await settle();
    cache.want(5, 60, 2);
    expect(cache.get(30)).toBe("row 30");
    expect(source.last()).toMatchObject({ offset, limit });
  }
});

test("a short answer is not asked for again until something changes", async () => {
  const source = held();
  const cache = new RowCache(source.fetch, true, () => {});
  cache.want(0, 60, 1);
  source.last().answer(["only"]);
  await settle();
  cache.want(0, 60, 1);
  const asked = source.asked.length;
  source.last().answer([]);
  await settle();
  cache.want(0, 60, 1);
  expect(source.asked.length).toBe(asked);
  cache.want(0, 60, 2);
  expect(source.asked.length).toBe(asked + 1);
});

test("a failure is kept until an answer comes", async () => {
  const source = held();
  const cache = new RowCache(source.fetch, true, () => {});
  cache.want(0, 10, 1);
  source.last().fail("gone");
  await settle();
  expect(cache.error).toBe("gone");
  cache.want(0, 10, 2);
  source.last().answer();
  await settle();
  expect(cache.error).toBeNull();
});

test("rows far from the window are let go", async () => {
  const source = held();
  const cache = new RowCache(source.fetch, true, () => {});
  for (const at of [0, 1000, 2000, 3000, 4000]) {
    cache.want(at, 1000, 1);
    source.last().answer();
    await settle();
  }
  expect(cache.get(10)).toBeUndefined();
  expect(cache.get(4500)).toBe("row 4500");
});

test("rows and numbers in both directions", () => {
  const shown = { id: 1, revision: 1, start: 100, total: 150 };
  expect(offsetAt(0, shown, "natural")).toBe(100);
  expect(offsetAt(0, shown, "newest-first")).toBe(149);
  for (const order of ["natural", "newest-first"] as const) {
    for (const index of [0, 7, 49]) expect(indexOf(offsetAt(index, shown, order), shown, order)).toBe(index);
  }
});
