import { useEffect, useMemo, useState } from "react";
import type { RecordRow, TailRequest, TailStatus } from "@/bindings";
import { call, useCall, useSubscription } from "@/platform";
import { toAppError } from "@/shared/errors";
import type { WindowSource } from "@/shared/table";

/** A record with its decoded fields by name: columns may be added while the tail runs. */
export interface TailRecord extends RecordRow {
  named: ReadonlyMap<string, string | null>;
}

export interface Tail {
  view: number | null;
  error: unknown;
  status: TailStatus | undefined;
  revision: number;
  /** Rows are numbered from `start` to `total`. */
  start: number;
  total: number;
}

/** A tail that nothing arrives in tells of no revision: its rate is asked for all the same, and falls to 0. */
const STATUS_EVERY_MS = 1000;

/** A cluster that can't be reached when the tail is to start is tried again for as long as the tail is shown. */
export const RETRY_MS = 3000;

/** Runs a tail for as long as it is shown; another request ends it and starts another. */
export function useTail(request: TailRequest | null, run: number): Tail {
  const [started, setStarted] = useState<{ view: number | null; error: unknown }>({ view: null, error: null });
  const key = request && JSON.stringify(request);
  useEffect(() => {
    if (key === null) return;
    let ended = false;
    let view: number | null = null;
    const close = (open: number) => void call("tail_close", { view: open }).catch(() => {
      // It is gone already, which is what was asked for.
    });
    let retry: ReturnType<typeof setTimeout> | undefined;
    const start = () =>
      call("tail_start", JSON.parse(key) as TailRequest).then(
        (answer) => {
          view = answer.view;
          if (ended) close(view);
          else setStarted({ view, error: null });
        },
        (error: unknown) => {
          if (ended) return;
          setStarted({ view: null, error });
          if (toAppError(error).retry) retry = setTimeout(() => void start(), RETRY_MS);
        },
      );
    setStarted({ view: null, error: null });
    void start();
    return () => {
      ended = true;
      clearTimeout(retry);
      if (view !== null) close(view);
    };
  }, [key, run]);

  const { view } = started;
  const topic = view === null ? null : { view };
  const { revision } = useSubscription(topic);
  const status = useCall("tail_status", { view: view ?? -1 }, { enabled: view !== null, topic, everyMs: STATUS_EVERY_MS }).data;
  return {
    view,
    error: started.error,
    status: view === null ? undefined : status,
    revision: revision?.revision ?? 0,
    start: status?.evicted ?? 0,
    total: revision?.total ?? 0,
  };
}

/** The rows of a tail with these of their fields: what is not shown is neither decoded nor sent. */
export function useTailRows({ view, revision, start, total }: Tail, fields: readonly string[]): WindowSource<TailRecord> {
  const version = JSON.stringify(fields);
  return useMemo<WindowSource<TailRecord>>(
    () => ({
      id: view ?? "none",
      revision,
      total,
      start,
      appendOnly: true,
      // Rows fetched before a field was shown lack it: they are asked for again.
      version,
      rows: async (offset, limit) => {
        if (view === null) return [];
        const page = await call("tail_rows", { view, offset, limit, columns: JSON.parse(version) as string[] });
        return { first: page.first, rows: page.rows.map((row) => ({ ...row, named: new Map(page.columns.map((column, index) => [column.name, row.fields[index] ?? null])) })) };
      },
    }),
    [view, version, revision, start, total],
  );
}
