/** Commands and subscriptions as React sees them. */

import { hashKey, keepPreviousData, QueryCache, QueryClient, useMutation, useQuery, useQueryClient, type UseMutationResult, type UseQueryResult } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { Commands, Error as AppError, Revision, Topic } from "@/bindings";
import { call, subscribe } from "./call";

type Name = keyof Commands;
export type RequestOf<N extends Name> = Commands[N]["request"];
export type ResponseOf<N extends Name> = Commands[N]["response"];

/** What failed because another system did not answer is asked again after this, by itself. */
export const AGAIN_MS = 5_000;

/** Why a question failed that was not answered since. The library forgets it as soon as it asks again. */
const failures = new WeakMap<object, Error>();

export function newQueryClient(): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => failures.set(query, error),
      onSuccess: (_, query) => failures.delete(query),
    }),
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
  const result = useQuery({
    queryKey: [name, request],
    queryFn: () => call(name, request),
    enabled,
    refetchInterval: (query) => (isPassing(query.state.error) ? Math.min(everyMs ?? AGAIN_MS, AGAIN_MS) : (everyMs ?? false)),
    ...(keep && { placeholderData: keepPreviousData }),
  });
  return withFailure(client, [name, request], result);
}

/** Whether it may pass by itself: the other system did not answer. */
function isPassing(failure: unknown): boolean {
  return failure instanceof Error && (failure.cause as Partial<AppError> | undefined)?.retry === true;
}

/**
 * What went wrong stays said while it is asked again, and nothing is “loading” over and over for as long as a broker is
 * away. Whoever asks by hand sees that it is asked.
 */
function withFailure<T>(client: QueryClient, queryKey: readonly unknown[], result: UseQueryResult<T>): UseQueryResult<T> {
  if (result.isSuccess && !result.isPlaceholderData) return result;
  const query = client.getQueryCache().get(hashKey(queryKey));
  const failure = query && failures.get(query);
  if (query === undefined || failure === undefined || (result.isError && result.data !== undefined)) return result;
  const refetch: typeof result.refetch = (options) => {
    failures.delete(query);
    return result.refetch(options);
  };
  return { ...result, data: undefined, error: failure, status: "error", isError: true, isLoadingError: true, isRefetchError: false, isPending: false, isLoading: false, isSuccess: false, isPlaceholderData: false, refetch };
}

/** A first answer that is under way may be from before the change, and nothing asks again while it is: so it is waited for. */
function askAgain(client: QueryClient, queryKey: readonly unknown[]): void {
  const again = () => void client.invalidateQueries({ queryKey });
  const query = client.getQueryCache().find({ queryKey });
  // Other clusters tell of themselves all the time; one that does not answer is asked again when it is due.
  if (query !== undefined && query.state.data === undefined && isPassing(failures.get(query))) return;
  const first = query?.state.data === undefined && query?.state.fetchStatus === "fetching" ? query.promise : undefined;
  if (first === undefined) again();
  else first.then(again, (failure: unknown) => isPassing(failure) || again());
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
