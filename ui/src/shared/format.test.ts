import { describe, expect, test } from "vitest";
import * as f from "./format";

const check = <V,>(write: (value: V) => string, cases: readonly (readonly [V, string])[]) => {
  for (const [value, expected] of cases) {
    test(`${String(value)} is ${expected}`, () => expect(write(value)).toBe(expected));
  }
};

describe("number", () => check<number | bigint | null | undefined>((v) => f.number(v), [
  [0, "0"], [88214470, "88,214,470"], [-1204, "-1,204"], [9007199254740993n, "9,007,199,254,740,993"],
  [null, "—"], [undefined, "—"], [Number.NaN, "—"], [Infinity, "—"],
]));
describe("compact", () => check(f.compact, [
  [0, "0"], [412, "412"], [999, "999"], [1000, "1k"], [5210, "5.2k"], [501_204, "501k"], [999_949, "1 M"],
  [88_214_470, "88.2 M"], [2_000_000, "2 M"], [20_100_000_000, "20.1 B"], [-2500, "-2.5k"], [null, "—"],
]));
describe("signed", () => check(f.signed, [[214, "+214"], [-2478, "−2,478"], [0, "0"], [null, "—"]]));
describe("bytes", () => check(f.bytes, [
  [0, "0 B"], [999, "999 B"], [1000, "1 kB"], [612_000_000, "612 MB"], [1_234_000_000, "1.2 GB"], [999_999, "1 MB"], [null, "—"],
]));
describe("duration", () => check(f.duration, [
  [0, "0 s"], [0.4, "0.4 ms"], [7, "7 ms"], [41, "41 ms"], [99.6, "0.1 s"], [200, "0.2 s"], [9_100, "9.1 s"], [9_949, "9.9 s"], [9_950, "10 s"], [38_000, "38 s"],
  [59_600, "1 m 00 s"], [123_000, "2 m 03 s"], [2_832_000, "47 m 12 s"], [3_600_000, "1 h 00 m"], [4_020_000, "1 h 07 m"],
  [273_600_000, "3 d 04 h"], [-38_000, "−38 s"], [null, "—"],
]));
describe("rate", () => check((v: number | null) => f.rate(v), [[41_200, "41,200 rec/s"], [0, "0 rec/s"], [0.25, "0.3 rec/s"], [null, "—"]]));
describe("percent", () => check(f.percent, [[0.41, "41%"], [0.004, "0.4%"], [0.0001, "<0.1%"], [0, "0%"], [1, "100%"], [0.05, "5%"]]));
describe("zone", () => check((v: number) => f.zone(v), [[0, "UTC"], [60, "UTC+1"], [-210, "UTC−3:30"], [345, "UTC+5:45"]]));
describe("count", () => check((v: number | null) => f.count(v, "record"), [[1, "1 record"], [0, "0 records"], [1204, "1,204 records"], [null, "— records"]]));
describe("ago", () => check((v: number) => f.ago(1_000_000_000 - v, 1_000_000_000), [
  [0, "just now"], [38_000, "38 s ago"], [360_000, "6 min ago"], [10_800_000, "3 h ago"], [12 * 86_400_000, "12 d ago"],
]));

describe("groupedDigits", () => check(f.groupedDigits, [
  ["20104331.50", "20,104,331.50"], ["-1204", "-1,204"], ["999", "999"], ["0.12345", "0.12345"], ["1e-7", "1e-7"], ["u_1204331", "u_1204331"], ["", ""],
]));
describe("groupedCounts", () => check(f.groupedCounts, [
  ["nobody is in the group, and 3365 records wait in all 6 partitions", "nobody is in the group, and 3,365 records wait in all 6 partitions"],
  ["no commit since 2026-11-21 14:05:41", "no commit since 2026-11-21 14:05:41"], ["kafka-1.example:9092 refused", "kafka-1.example:9092 refused"], ["5,210 records arrive", "5,210 records arrive"],
]));

test("a day is told apart from today's, and another year's from this one's", () => {
  const now = new Date(2026, 10, 21, 10).getTime();
  expect(f.day(new Date(2026, 9, 28, 7, 10).getTime(), now)).toBe("Oct 28");
  expect(f.day(new Date(2025, 9, 8).getTime(), now)).toBe("2025-10-08");
  expect(f.day(null, now)).toBe("—");
  expect(f.dateTimeMs(new Date(2026, 9, 28, 7, 10, 0, 632).getTime())).toBe("2026-10-28 07:10:00.632");
});

test("times are local and keep milliseconds", () => {
  const at = new Date(2026, 2, 9, 4, 5, 6, 7).getTime();
  expect(f.time(at)).toBe("04:05:06.007");
  expect(f.timeOfDay(at)).toBe("04:05:06");
  expect(f.dateTime(at)).toBe("2026-03-09 04:05:06");
  expect(f.time(null)).toBe("—");
});
