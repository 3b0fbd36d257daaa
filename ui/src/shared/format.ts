/**
 * How numbers, sizes, durations and times are written, everywhere in the window.
 *
 * Unknown is unknown: `null`, `undefined` and NaN are written as a dash, never as 0.
 */

export const UNKNOWN = "—";

type Numeric = number | bigint | null | undefined;

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

function known(value: Numeric): value is number | bigint {
  return value != null && (typeof value === "bigint" || Number.isFinite(value));
}

/** `88,214,470`; fractions keep at most `digits` places. */
export function number(value: Numeric, digits = 0): string {
  if (!known(value)) return UNKNOWN;
  if (typeof value === "bigint" || digits === 0) return grouped.format(value);
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Digits as the engine prints them: `20104331.50` as `20,104,331.50`; what is no plain number stays as it is. */
export function groupedDigits(text: string): string {
  const [, sign, whole, rest] = /^(-?)(\d{4,})(\.\d+)?$/.exec(text) ?? [];
  return whole === undefined ? text : `${sign ?? ""}${whole.replace(/\B(?=(?:\d{3})+$)/g, ",")}${rest ?? ""}`;
}

/** A sentence of the engine with its counts as they are written everywhere: `3365 records wait` as `3,365 records wait`. */
export function groupedCounts(text: string): string {
  return text.replace(/(^|[^\w.:/-])(\d{4,})(?= [a-z])/g, (_, before: string, digits: string) => before + groupedDigits(digits));
}

/** A signed change: `+214`, `−2,478`, `0`. */
export function signed(value: Numeric): string {
  if (!known(value)) return UNKNOWN;
  const n = Number(value);
  if (n === 0) return "0";
  return (n > 0 ? "+" : "−") + grouped.format(Math.abs(n));
}

const SCALES: readonly (readonly [number, string])[] = [[1e12, " T"], [1e9, " B"], [1e6, " M"], [1e3, "k"]];

/** At most three figures: `412`, `5.2k`, `501k`, `88.2 M`. */
export function compact(value: Numeric): string {
  if (!known(value)) return UNKNOWN;
  const n = Number(value);
  const size = Math.abs(n);
  if (size < 1000) return Number.isInteger(n) ? String(n) : n.toFixed(1);
  for (const [index, [scale, suffix]] of SCALES.entries()) {
    // 999,950 rounds to 1,000k: it belongs to the next larger scale.
    const promote = SCALES[index - 1];
    if (size >= scale) {
      const shown = round3(n / scale);
      if (Math.abs(Number(shown)) >= 1000 && promote) return round3(n / promote[0]) + promote[1];
      return shown + suffix;
    }
  }
  return UNKNOWN;
}

function round3(value: number): string {
  const text = Math.abs(value) >= 99.95 ? value.toFixed(0) : value.toFixed(1);
  return text.endsWith(".0") ? text.slice(0, -2) : text;
}

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** Decimal units: `612 MB`, `1.2 GB`. */
export function bytes(value: Numeric): string {
  if (!known(value)) return UNKNOWN;
  let n = Number(value);
  let unit = 0;
  while (Math.abs(n) >= 999.5 && unit < BYTE_UNITS.length - 1) {
    n /= 1000;
    unit += 1;
  }
  const text = unit === 0 ? String(Math.round(n)) : round3(n);
  return `${text} ${BYTE_UNITS[unit] ?? "B"}`;
}

/** From milliseconds, two units at most: `0 s`, `41 ms`, `0.2 s`, `38 s`, `2 m 03 s`, `1 h 07 m`, `3 d 04 h`. */
export function duration(ms: Numeric): string {
  if (!known(ms)) return UNKNOWN;
  const n = Number(ms);
  if (n < 0) return `−${duration(-n)}`;
  if (n === 0) return "0 s";
  if (n < 99.5) return `${n < 1 ? n.toFixed(1) : String(Math.round(n))} ms`;
  if (n < 9_950) return `${(n / 1000).toFixed(1)} s`;
  const seconds = Math.round(n / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

/** `41,200 rec/s`; below ten a second one decimal place is kept. */
export function rate(perSecond: Numeric, unit = "rec"): string {
  if (!known(perSecond)) return UNKNOWN;
  return `${perSecondNumber(perSecond)} ${unit}/s`;
}

/** The figure of a rate without its unit, for columns headed `in /s`. */
export function perSecondNumber(perSecond: Numeric): string {
  if (!known(perSecond)) return UNKNOWN;
  const n = Number(perSecond);
  return n !== 0 && Math.abs(n) < 9.95 ? n.toFixed(1) : grouped.format(Math.round(n));
}

/** A share of one: `41%`, `0.4%`, `<0.1%`. */
export function percent(share: Numeric): string {
  if (!known(share)) return UNKNOWN;
  const n = Number(share) * 100;
  if (n === 0) return "0%";
  if (Math.abs(n) < 0.1) return "<0.1%";
  return `${Math.abs(n) < 9.95 ? n.toFixed(1).replace(/\.0$/, "") : n.toFixed(0)}%`;
}

/** The time of day with milliseconds, in this machine's zone: `14:52:59.412`. */
export function time(ms: Numeric): string {
  if (!known(ms)) return UNKNOWN;
  const at = new Date(Number(ms));
  return `${clock(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** `14:52:59` */
export function timeOfDay(ms: Numeric): string {
  return known(ms) ? clock(new Date(Number(ms))) : UNKNOWN;
}

/** `2026-03-09 14:52:59` */
export function dateTime(ms: Numeric): string {
  if (!known(ms)) return UNKNOWN;
  const at = new Date(Number(ms));
  return `${date(ms)} ${clock(at)}`;
}

/** `2026-03-09 14:52:59.412` */
export function dateTimeMs(ms: Numeric): string {
  return known(ms) ? `${date(ms)} ${time(ms)}` : UNKNOWN;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

/** The day as short as it can be told: `Mar 09`; of another year `2025-03-09`. */
export function day(ms: Numeric, nowMs: number): string {
  if (!known(ms)) return UNKNOWN;
  const at = new Date(Number(ms));
  return at.getFullYear() === new Date(nowMs).getFullYear() ? `${MONTHS[at.getMonth()] ?? ""} ${two(at.getDate())}` : date(ms);
}

/** `2026-03-09` */
export function date(ms: Numeric): string {
  if (!known(ms)) return UNKNOWN;
  const at = new Date(Number(ms));
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** How long before `nowMs`: `just now`, `38 s ago`, `6 min ago`, `3 h ago`, `12 d ago`. */
export function ago(ms: Numeric, nowMs: number): string {
  if (!known(ms)) return UNKNOWN;
  const seconds = Math.round((nowMs - Number(ms)) / 1000);
  if (seconds < 2) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** The zone that times are shown in: `UTC+1`, `UTC`, `UTC−3:30`. */
export function zone(offsetMinutes = -new Date().getTimezoneOffset()): string {
  if (offsetMinutes === 0) return "UTC";
  const size = Math.abs(offsetMinutes);
  const minutes = size % 60;
  return `UTC${offsetMinutes > 0 ? "+" : "−"}${Math.floor(size / 60)}${minutes ? `:${two(minutes)}` : ""}`;
}

/** `1 record`, `2 records`, `1,204 records`. */
export function count(value: Numeric, one: string, many = `${one}s`): string {
  if (!known(value)) return `${UNKNOWN} ${many}`;
  return `${number(value)} ${Number(value) === 1 ? one : many}`;
}

function clock(at: Date): string {
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
