import { expect, test, vi } from "vitest";
import { indexOf, offsetAt, RowCache, type FetchRows, type RowsPage } from "./rows";

/** A source whose answers are given by hand. */
function held() {
  const asked: { offset: number; limit: number; answer: (rows?: readonly string[] | RowsPage<string>) => void; fail: (why: unknown) => void }[] = [];
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
  const cache = new RowCache(source.fetch, changed);
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
  const cache = new RowCache(source.fetch, () => {});
  for (let at = 0; at <= 5000; at += 50) cache.want(at, 60, 1);
  expect(source.asked).toHaveLength(1);
  source.last().answer();
  await settle();
  expect(source.asked.map((a) => a.offset)).toEqual([0, 5000]);
});

test("what only grows asks for new rows alone; what changes asks again but keeps showing", async () => {
  for (const [stamp, offset, limit] of [["same", 60, 5], [undefined, 5, 60]] as const) {
    const source = held();
    const cache = new RowCache(source.fetch, () => {});
    cache.want(0, 60, 1, stamp);
    source.last().answer();
    await settle();
    cache.want(5, 60, 2, stamp);
    expect(cache.get(30)).toBe("row 30");
    expect(source.last()).toMatchObject({ offset, limit });
  }
});

test("rows decoded another way are asked for again and shown until they come", async () => {
  const source = held();
  const cache = new RowCache(source.fetch, () => {});
  cache.want(0, 3, 1, "event");
  source.last().answer();
  await settle();
  cache.want(0, 3, 2, "event revenue");
  expect(cache.get(1)).toBe("row 1");
  source.last().answer(["new 0", "new 1", "new 2"]);
  await settle();
  expect(cache.get(1)).toBe("new 1");
});

test("rows that left are never shown under the number of another", async () => {
  const source = held();
  const cache = new RowCache(source.fetch, () => {});
  cache.want(100, 60, 1, "v");
  source.last().answer({ first: 130, rows: Array.from({ length: 60 }, (_, i) => `row ${130 + i}`) });
  await settle();
  expect([cache.get(100), cache.get(129), cache.get(130), cache.get(159)]).toEqual([undefined, undefined, "row 130", "row 159"]);
  expect([cache.isGone(129), cache.isGone(130)]).toEqual([true, false]);
  // What is gone is not asked for again, whatever changes; what lies after it is.
  cache.want(100, 60, 2, "v");
  expect(source.asked).toHaveLength(1);
  cache.want(120, 100, 3, "v");
  expect(source.last()).toMatchObject({ offset: 190, limit: 30 });
});

test("a row that was seen is shown after it left", async () => {
  const source = held();
  const cache = new RowCache(source.fetch, () => {});
  cache.want(0, 60, 1, "v");
  source.last().answer();
  await settle();
  cache.want(40, 60, 2, "v");
  source.last().answer({ first: 80, rows: ["row 80"] });
  await settle();
  expect(cache.get(50)).toBe("row 50");
  expect(cache.isGone(50)).toBe(false);
  expect(cache.isGone(70)).toBe(true);
});

test("a short answer is not asked for again until something changes", async () => {
  const source = held();
  const cache = new RowCache(source.fetch, () => {});
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
  const cache = new RowCache(source.fetch, () => {});
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
  const cache = new RowCache(source.fetch, () => {});
  for (const at of [0, 1000, 2000, 3000, 4000]) {
    cache.want(at, 200, 1);
    source.last().answer();
    await settle();
  }
  expect(cache.get(10)).toBeUndefined();
  expect(cache.get(4150)).toBe("row 4150");
});

test("rows and numbers in both directions", () => {
  const shown = { id: 1, revision: 1, start: 100, total: 150, stamp: 1 };
  expect(offsetAt(0, shown, "natural")).toBe(100);
  expect(offsetAt(0, shown, "newest-first")).toBe(149);
  for (const order of ["natural", "newest-first"] as const) {
    for (const index of [0, 7, 49]) expect(indexOf(offsetAt(index, shown, order), shown, order)).toBe(index);
  }
});
