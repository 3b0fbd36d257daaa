/**
 * A made-up engine behind the window: for looking at screens in a browser and for tests of screens. Deterministic but
 * for the clock. Never part of the bundle.
 */

import type { Commands, RecordRow, Revision, TailRequest, Topic } from "@/bindings";
import { asThrown, type Transport } from "@/platform/transport";
import { connect } from "./connect";
import { people } from "./people";
import { chartSvg, random } from "./random";
import { schemas } from "./schemas";
import { watch } from "./watch";

export type Handlers = { [N in keyof Commands]: (request: Commands[N]["request"]) => Commands[N]["response"] };

export interface View {
  total: number;
  revision: number;
  paused: boolean;
  /** Why it stopped. */
  ended: string | null;
  /** Rows kept; older ones are gone. */
  keptMax: number;
  /** Stops at this many. */
  totalMax: number;
  rows: (offset: number, limit: number) => unknown;
}

export function evicted(view: View): number {
  return Math.max(0, view.total - view.keptMax);
}

/** Calls of a fixture that must fail: by command, the error to reject with. */
export type Failures = Partial<Record<keyof Commands, { code: string; message: string; domain?: "user" | "external" | "internal"; retry?: boolean; position?: { file?: string; line: number; column: number } }>>;

const START_MS = Date.UTC(2026, 10, 21, 14, 0, 0);
const EVENTS = ["Product Viewed", "Product Added", "Order Completed", "Page Viewed", "Signed In"] as const;

export function recordAt(index: number): RecordRow {
  const r = random(index + 1);
  const event = EVENTS[Math.floor(r() * EVENTS.length)] ?? EVENTS[0];
  const user = `u_${String(Math.floor(r() * 1e6)).padStart(6, "0")}`;
  const revenue = event === "Order Completed" ? (r() * 200).toFixed(2) : null;
  const country = ["DE", "FR", "US", "NL"][Math.floor(r() * 4)] ?? "DE";
  const value = JSON.stringify({ messageId: `m-${Math.floor(r() * 2 ** 32).toString(16)}`, type: "track", event, userId: user, context: { country }, properties: { revenue: revenue === null ? undefined : Number(revenue) } });
  return {
    partition: Math.floor(r() * 12), offset: 88_214_000 + index * 3, timestamp_ms: START_MS + index * 137, key: user, value, value_bytes: value.length,
    fields: [event, revenue, country, "track"], problem: index % 97 === 13 ? "not JSON: expected `,` at byte 41" : null,
  };
}

const TAIL_COLUMNS = [
  { name: "event", data_type: "VARCHAR", numeric: false }, { name: "properties.revenue", data_type: "DOUBLE", numeric: true },
  { name: "context.country", data_type: "VARCHAR", numeric: false }, { name: "type", data_type: "VARCHAR", numeric: false },
];

export function fixture(failures: Failures = {}, perTick = 4): Transport {
  const views = new Map<number, View>();
  let lastView = 0;
  const view = (id: number) => {
    const found = views.get(id);
    if (!found) throw asThrown({ domain: "internal", retry: false, code: "unknown_view", message: `View ${id} is not open.` });
    return found;
  };
  const tail = (request: TailRequest) => {
    lastView += 1;
    const { partitions } = request;
    const record = (index: number) => ({ ...recordAt(index), ...(partitions.length > 0 && { partition: partitions[index % partitions.length] ?? 0 }) });
    const totalMax = request.limit ?? (request.stop_at_end ? 412_000 : Infinity);
    const own: View = {
      total: Math.min(totalMax, request.start === "end" ? 40 : 412_000), revision: 1, paused: false, ended: null, keptMax: 200_000, totalMax,
      rows: (offset, limit) => Array.from({ length: Math.min(limit, Math.max(0, own.total - offset)) }, (_, step) => record(offset + step)),
    };
    if (own.total === totalMax) own.ended = request.limit == null ? "reached the end that the partitions had when it started" : `stopped after ${totalMax} matched records, as asked`;
    views.set(lastView, own);
    return { view: lastView };
  };

  const handlers: Partial<Handlers> = {
    ...watch(view, tail, TAIL_COLUMNS),
    ...connect(),
    ...schemas,
    ...people((rows) => {
      lastView += 1;
      views.set(lastView, { total: rows.length, revision: 1, paused: true, ended: null, keptMax: Infinity, totalMax: Infinity, rows: (offset, limit) => rows.slice(offset, offset + limit) });
      return lastView;
    }, (id, offset, limit) => view(id).rows(offset, limit) as (string | null)[][]),
    lag_chart: ({ metric, style }) => ({ svg: chartSvg(style, metric === "time" ? ["0", "15 m", "30 m", "45 m", "60 m"] : ["0", "0.7 M", "1.5 M", "2.2 M", "3 M"], metric === "time" ? "warn" : "bad", metric === "time" ? "Lag in time" : "Lag, records") }),
    audience_chart: ({ style }) => ({ svg: chartSvg(style, ["0", "4k", "8k", "11k", "15k"], "accent") }),
  };

  return {
    async call(name, request) {
      await Promise.resolve();
      // A workspace that is not open answers every command alike.
      const failure = failures[name as keyof Commands] ?? (name === "workspace_open" ? undefined : failures.workspace_show);
      if (failure) throw asThrown({ domain: "user", retry: false, ...failure });
      const handler = handlers[name as keyof Commands] as ((request: unknown) => unknown) | undefined;
      if (!handler) throw asThrown({ domain: "internal", retry: false, code: "not_in_fixture", message: `The fixture does not know ${name}.` });
      return handler(request);
    },
    subscribe(topic: Topic, onRevision: (revision: Revision) => void) {
      if (failures.workspace_show) return Promise.reject(asThrown({ domain: "user", retry: false, ...failures.workspace_show }));
      if (typeof topic === "string") return Promise.resolve(() => {});
      const followed = view(topic.view);
      let told = -1;
      const tell = () => onRevision({ revision: followed.revision, total: followed.total });
      tell();
      const timer = setInterval(() => {
        if (!followed.paused && followed.ended === null) followed.total = Math.min(followed.totalMax, followed.total + perTick);
        else if (told === followed.revision) return;
        followed.revision += 1;
        told = followed.revision;
        tell();
      }, 100);
      return Promise.resolve(() => clearInterval(timer));
    },
  };
}
