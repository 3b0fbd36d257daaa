import type { ChartStyle } from "@/bindings";

/** The same numbers for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const COLORS = { accent: ["#3ec6a8", "#08705b"], warn: ["#e5a94b", "#865200"], bad: ["#ef6a6a", "#b3261e"] } as const;

export function chartSvg({ width, height, dark }: ChartStyle, labels: readonly string[], color: keyof typeof COLORS, title = ""): string {
  const r = random(7);
  const stroke = COLORS[color][dark ? 0 : 1];
  const [grid, ink] = dark ? ["#1d242e", "#7f8b9b"] : ["#e6e9ee", "#626d7c"];
  // A title stands above the drawing.
  const top = title ? 24 : 8;
  const points = Array.from({ length: 90 }, (_, i) => {
    const v = 0.1 + 0.008 * i + 0.02 * Math.sin(i / 4) + 0.01 * r();
    return `${(44 + (i * (width - 52)) / 89).toFixed(1)},${(top + (1 - v) * (height - 22 - top)).toFixed(1)}`;
  }).join(" ");
  const lines = labels.map((label, i) => {
    const y = height - 22 - (i * (height - 22 - top)) / (labels.length - 1);
    return `<line x1="44" x2="${width - 8}" y1="${y}" y2="${y}" stroke="${grid}"/><text x="38" y="${y + 4}" fill="${ink}" font-size="11" text-anchor="end">${label}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${title && `<text x="0" y="12" fill="${ink}" font-size="13">${title}</text>`}${lines.join("")}<polygon points="44,${height - 22} ${points} ${width - 8},${height - 22}" fill="${stroke}" opacity="0.12"/><polyline points="${points}" fill="none" stroke="${stroke}" stroke-width="1.6"/></svg>`;
}
