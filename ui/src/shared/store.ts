import { useSyncExternalStore } from "react";

/** A value outside the tree with its readers: for the few things that the whole window shares. */
export interface Store<T> {
  get: () => T;
  set: (value: T) => void;
  subscribe: (changed: () => void) => () => void;
}

export function store<T>(initial: T): Store<T> {
  let value = initial;
  const readers = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const reader of readers) reader();
    },
    subscribe(changed) {
      readers.add(changed);
      return () => readers.delete(changed);
    },
  };
}

export function useStore<T>(source: Store<T>): T {
  return useSyncExternalStore(source.subscribe, source.get);
}

/** A store that remembers its value on this machine. What cannot be read or written is simply not remembered. */
export function remembered<T extends string>(key: string, initial: T, valid: (value: string) => value is T): Store<T> {
  let start = initial;
  try {
    const kept = window.localStorage.getItem(key);
    if (kept !== null && valid(kept)) start = kept;
  } catch {
    // Storage may be switched off: the setting then lasts as long as the window.
  }
  const inner = store<T>(start);
  return {
    ...inner,
    set(value) {
      inner.set(value);
      try {
        window.localStorage.setItem(key, value);
      } catch {
        // As above.
      }
    },
  };
}
