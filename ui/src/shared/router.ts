/**
 * Addresses live in the hash (`#/topics/prod-eu/shop.events?tab=records`), so that every screen can be linked to and
 * Back works inside the window. A segment is percent-encoded: names may hold anything.
 */

import { createElement, useCallback, useMemo, useSyncExternalStore, type ComponentProps, type ReactElement } from "react";

export interface Route {
  /** Decoded segments: `["topics", "prod-eu", "shop.events"]`. */
  segments: readonly string[];
  query: ReadonlyMap<string, string>;
}

export function parse(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#/, "").split("?", 2);
  return {
    segments: path.split("/").filter(Boolean).map(decode),
    query: new Map(new URLSearchParams(search)),
  };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

type Query = Readonly<Record<string, string | number | null | undefined>>;

/** `path("topics", "prod-eu", "a/b")` is `#/topics/prod-eu/a%2Fb`. Absent query values are left out. */
export function path(...parts: readonly (string | Query)[]): string {
  const segments = parts.filter((part): part is string => typeof part === "string");
  const search = new URLSearchParams();
  for (const part of parts) {
    if (typeof part === "string") continue;
    for (const [name, value] of Object.entries(part)) {
      if (value != null && value !== "") search.set(name, String(value));
    }
  }
  const query = search.toString();
  return `#/${segments.map(encodeURIComponent).join("/")}${query && `?${query}`}`;
}

export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (to === window.location.hash) return;
  if (options.replace) window.history.replaceState(null, "", to);
  else window.history.pushState(null, "", to);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

function subscribe(changed: () => void): () => void {
  window.addEventListener("hashchange", changed);
  window.addEventListener("popstate", changed);
  return () => {
    window.removeEventListener("hashchange", changed);
    window.removeEventListener("popstate", changed);
  };
}

export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  return useMemo(() => parse(hash), [hash]);
}

/** Sets several values of the address at once; an empty one leaves it. */
export function useSetQuery(): (values: Readonly<Record<string, string>>) => void {
  return useCallback((values) => {
    const route = parse(window.location.hash);
    navigate(path(...route.segments, { ...Object.fromEntries(route.query), ...values }), { replace: true });
  }, []);
}

/** A value kept in the address. Setting it replaces the entry, so that Back leaves the screen at once. */
export function useQueryParam(name: string, fallback = ""): [string, (value: string) => void] {
  const { query } = useRoute();
  const set = useCallback(
    (value: string) => {
      const route = parse(window.location.hash);
      const next = Object.fromEntries(route.query);
      if (value === fallback) Reflect.deleteProperty(next, name);
      else next[name] = value;
      navigate(path(...route.segments, next), { replace: true });
    },
    [name, fallback],
  );
  return [query.get(name) ?? fallback, set];
}

export function Link({ to, ...rest }: { to: string } & Omit<ComponentProps<"a">, "href">): ReactElement {
  return createElement("a", { ...rest, href: to });
}
