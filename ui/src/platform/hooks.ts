/** Commands and subscriptions as React sees them. */

import { keepPreviousData, QueryClient, useMutation, useQuery, useQueryClient, type UseMutationResult, type UseQueryResult } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { Commands, Revision, Topic } from "@/bindings";
import { call, subscribe } from "./call";

type Name = keyof Commands;
export type RequestOf<N extends Name> = Commands[N]["request"];
export type ResponseOf<N extends Name> = Commands[N]["response"];

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // What changes announces itself by a subscription; a failed command says whether trying again helps.
        staleTime: 5_000,
        gcTime: 60_000,
        retry: false,
        refetchOnWindowFocus: false,
        networkMode: "always",
      },
      mutations: { retry: false, networkMode: "always" },
    },
  });
}

export interface CallOptions {
  enabled?: boolean;
  /** Asks again this often. */
  everyMs?: number;
  /** Asks again when this changes, at most twice a second; less often with `restMs`. */
  topic?: Topic | null;
  restMs?: number;
  /** Keeps showing the last answer while the request changes. */
  keep?: boolean;
}

export function useCall<N extends Name>(name: N, request: RequestOf<N>, options: CallOptions = {}): UseQueryResult<ResponseOf<N>> {
  const { enabled = true, everyMs, topic = null, restMs, keep = false } = options;
  const client = useQueryClient();
  useRevision(enabled ? topic : null, () => askAgain(client, [name, request]), restMs);
  return useQuery({
    queryKey: [name, request],
    queryFn: () => call(name, request),
    enabled,
    ...(everyMs !== undefined && { refetchInterval: everyMs }),
    ...(keep && { placeholderData: keepPreviousData }),
  });
}

/** A first answer that is under way may be from before the change, and nothing asks again while it is: so it is waited for. */
function askAgain(client: QueryClient, queryKey: readonly unknown[]): void {
  const again = () => void client.invalidateQueries({ queryKey });
  const query = client.getQueryCache().find({ queryKey });
  const first = query?.state.data === undefined && query?.state.fetchStatus === "fetching" ? query.promise : undefined;
  if (first === undefined) again();
  else first.then(again, again);
}

/** A command that changes something. `invalidates` names the commands whose answers are then old. */
export function useAction<N extends Name>(name: N, invalidates: readonly Name[] = []): UseMutationResult<ResponseOf<N>, Error, RequestOf<N>> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (request: RequestOf<N>) => call(name, request),
    onSettled: () => Promise.all(invalidates.map((other) => client.invalidateQueries({ queryKey: [other] }))),
  });
}

/** Revisions taken over at most this often by what asks again for each. */
const INVALIDATE_MS_MIN = 500;

/** Calls back when the topic changed, at most twice a second (or once in `restMs`), and never loses the last change. */
export function useRevision(topic: Topic | null, onChange: (revision: Revision) => void, restMs = INVALIDATE_MS_MIN): void {
  const latest = useRef({ onChange, restMs });
  useEffect(() => {
    latest.current = { onChange, restMs };
  });
  const name = topic === null ? null : JSON.stringify(topic);
  useEffect(() => {
    if (name === null) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let pending: Revision | null = null;
    const fire = () => {
      timer = undefined;
      if (pending === null) return;
      latest.current.onChange(pending);
      pending = null;
      timer = setTimeout(fire, latest.current.restMs);
    };
    const stop = subscribe(JSON.parse(name) as Topic, (revision) => {
      pending = revision;
      if (timer === undefined) fire();
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [name]);
}

export interface Subscription {
  revision: Revision | null;
  error: unknown;
}

/** The latest revision of a view, painted once per animation frame. */
export function useSubscription(topic: Topic | null): Subscription {
  const name = topic === null ? null : JSON.stringify(topic);
  const [state, setState] = useState<Subscription & { name: string | null }>({ name, revision: null, error: null });
  useEffect(() => {
    if (name === null) return;
    let frame = 0;
    let latest: Revision | null = null;
    const stop = subscribe(
      JSON.parse(name) as Topic,
      (revision) => {
        latest = revision;
        if (frame !== 0) return;
        frame = requestAnimationFrame(() => {
          frame = 0;
          setState({ name, revision: latest, error: null });
        });
      },
      (error) => setState({ name, revision: null, error }),
    );
    return () => {
      cancelAnimationFrame(frame);
      stop();
    };
  }, [name]);
  return state.name === name ? state : { revision: null, error: null };
}
