import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const css = readFileSync("src/shared/tokens.css", "utf8");

function theme(name: string): Map<string, string> {
  const block = new RegExp(`data-theme="${name}"\\] \\{([^}]*)\\}`).exec(css)?.[1] ?? "";
  return new Map([...block.matchAll(/--([\w-]+): ([^;]+);/g)].map((match) => [match[1] ?? "", match[2] ?? ""]));
}

function luminance(hex: string): number {
  const channel = (at: number) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

const GROUNDS = ["bg", "panel", "raised", "field", "row-hover"];
const TEXT: readonly (readonly [string, readonly string[]])[] = [
  ["ink", [...GROUNDS, "hover", "select", "select-hover"]],
  ["mute", [...GROUNDS, "hover", "select"]],
  ["faint", [...GROUNDS]],
  ["accent", [...GROUNDS, "accent-soft", "select"]],
  ["accent-ink", ["accent", "accent-hover"]],
  ["warn", [...GROUNDS, "warn-soft", "select"]],
  ["bad", [...GROUNDS, "bad-soft", "select"]],
  ["info", [...GROUNDS, "info-soft", "select"]],
  ["violet", [...GROUNDS]],
];

describe.each(["dark", "light"])("%s", (name) => {
  const tokens = theme(name);
  test.each(TEXT.flatMap(([ink, grounds]) => grounds.map((ground) => [ink, ground] as const)))("%s on %s", (ink, ground) => {
    const ratio = contrast(tokens.get(ink) ?? "", tokens.get(ground) ?? "");
    expect(ratio, `${ink} on ${ground} is ${ratio.toFixed(2)}:1`).toBeGreaterThanOrEqual(4.5);
  });
});

test("both themes define the same names", () => {
  expect([...theme("dark").keys()]).toEqual([...theme("light").keys()]);
  expect(theme("dark").size).toBeGreaterThan(20);
});
