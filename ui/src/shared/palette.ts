/** What the command palette offers. Screens add to it while they are mounted; the shell adds what is always there. */

import { useEffect, useMemo } from "react";
import { store, useStore } from "./store";

export interface PaletteEntry {
  id: string;
  /** Heading it is listed under: `Screens`, `Topics`, `Actions`. */
  group: string;
  title: string;
  /** Quiet text after the title. */
  hint?: string | undefined;
  keys?: string | undefined;
  run: () => void;
}

const sources = store<ReadonlyMap<string, readonly PaletteEntry[]>>(new Map());

/** `entries` must keep its identity while it does not change (useMemo). */
export function usePaletteEntries(source: string, entries: readonly PaletteEntry[]): void {
  useEffect(() => {
    sources.set(new Map(sources.get()).set(source, entries));
    return () => {
      const rest = new Map(sources.get());
      rest.delete(source);
      sources.set(rest);
    };
  }, [source, entries]);
}

export function useAllPaletteEntries(): readonly PaletteEntry[] {
  const all = useStore(sources);
  return useMemo(() => [...all.values()].flat(), [all]);
}

/**
 * Entries that hold every word of the query, best first: a title that starts with it, then a title that has a word
 * starting with it, then the rest. Order within a rank is kept.
 */
export function search(entries: readonly PaletteEntry[], query: string, resultsMax: number): PaletteEntry[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const ranked = entries.flatMap((entry, order) => {
    const title = entry.title.toLowerCase();
    const text = `${title} ${entry.group.toLowerCase()} ${entry.hint?.toLowerCase() ?? ""}`;
    if (!words.every((word) => text.includes(word))) return [];
    const first = words[0] ?? "";
    const rank = title.startsWith(first) ? 0 : new RegExp(`[\\s._-]${escape(first)}`).test(title) ? 1 : title.includes(first) ? 2 : 3;
    return [{ entry, rank, order }];
  });
  ranked.sort((a, b) => a.rank - b.rank || a.order - b.order);
  return ranked.slice(0, resultsMax).map(({ entry }) => entry);
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
