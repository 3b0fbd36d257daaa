import { useEffect, useMemo, useState } from "react";
import type { AudienceDefinition } from "@/bindings";
import { store, useStore, type Store } from "@/shared/store";
import { asGroup } from "./model";

/** A value once it has rested: what is typed is not evaluated letter by letter. */
export function useSettled<T>(value: T, restMs: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(() => value), restMs);
    return () => clearTimeout(timer);
  }, [value, restMs]);
  return settled;
}

export interface Draft {
  definition: AudienceDefinition;
  set: (definition: AudienceDefinition) => void;
  /** Differs from what is published. */
  changed: boolean;
  /** Back to what is published; can be undone. */
  discard: () => void;
  /** It is published now: there is nothing to go back to. */
  clear: () => void;
  undo: (() => void) | null;
  redo: (() => void) | null;
}

interface History {
  own: AudienceDefinition | null;
  past: readonly (AudienceDefinition | null)[];
  future: readonly (AudienceDefinition | null)[];
  changedMs: number;
}

const NOTHING: History = { own: null, past: [], future: [], changedMs: 0 };
/** Steps that can be undone. */
const STEPS_MAX = 100;
/** Changes closer than this are one step: a word that is typed is undone at once. */
const STEP_MS = 500;

/** Drafts outlive their screen, for as long as the window is open. */
const drafts = new Map<string, Store<History>>();

function draftOf(key: string): Store<History> {
  const found = drafts.get(key) ?? store(NOTHING);
  drafts.set(key, found);
  return found;
}

export function step(history: History, next: AudienceDefinition | null, nowMs: number): History {
  const joins = nowMs - history.changedMs < STEP_MS && history.past.length > 0;
  return { own: next, past: joins ? history.past : [...history.past, history.own].slice(-STEPS_MAX), future: [], changedMs: nowMs };
}

/** Moves `own` from one list to the other; null where there is nowhere to go. */
export function back(history: History): History | null {
  if (history.past.length === 0) return null;
  return { own: history.past.at(-1) ?? null, past: history.past.slice(0, -1), future: [history.own, ...history.future], changedMs: 0 };
}

export function forth(history: History): History | null {
  if (history.future.length === 0) return null;
  return { own: history.future[0] ?? null, past: [...history.past, history.own], future: history.future.slice(1), changedMs: 0 };
}

/** What is edited, apart from what is published; an outside edit shows as long as nothing was changed here. */
export function useDraft(key: string, published: AudienceDefinition): Draft {
  const kept = useMemo(() => draftOf(key), [key]);
  const history = useStore(kept);
  const { own } = history;
  const changed = own !== null && JSON.stringify(comparable(own)) !== JSON.stringify(comparable(published));
  const go = (to: History | null) => (to === null ? null : () => kept.set(to));
  return {
    definition: own ?? published,
    changed,
    set: (next) => kept.set(step(kept.get(), next, Date.now())),
    discard: () => kept.set(step(kept.get(), null, Date.now())),
    clear: () => kept.set(NOTHING),
    undo: go(back(history)),
    redo: go(forth(history)),
  };
}

function comparable({ title = null, description = null, condition = null, sql = null }: AudienceDefinition): unknown {
  return { title: title ?? null, description: description ?? null, sql: sql ?? null, condition: sql == null ? asGroup(condition) : null };
}
