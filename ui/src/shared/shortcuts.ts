/**
 * One registry of keys: what is registered is what works and what the help lists.
 *
 * Keys are written as they are shown: `Ctrl K`, `g t` (one after the other), `/`, `?`, `Shift Enter`. Plain keys are
 * left alone while a person types in a field; combinations with Ctrl work everywhere.
 */

import { useEffect, useRef } from "react";
import { store, useStore } from "./store";

export interface Shortcut {
  keys: string;
  label: string;
  group: string;
  run: () => void;
}

/** How long a person may take between the keys of a sequence. */
const SEQUENCE_MS_MAX = 1000;

const registry = store<readonly Shortcut[]>([]);

export function register(shortcuts: readonly Shortcut[]): () => void {
  registry.set([...registry.get(), ...shortcuts]);
  return () => registry.set(registry.get().filter((entry) => !shortcuts.includes(entry)));
}

export function useShortcuts(): readonly Shortcut[] {
  return useStore(registry);
}

/** Registers while the calling component is mounted. The latest `run` is always the one called. */
export function useShortcut(keys: string, label: string, group: string, run: () => void): void {
  const latest = useRef(run);
  useEffect(() => {
    latest.current = run;
  });
  useEffect(() => register([{ keys, label, group, run: () => latest.current() }]), [keys, label, group]);
}

/** A key press as the registry writes it: `Ctrl K`, `Shift Enter`, `?`, `g`. */
export function keyName(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">): string {
  const parts: string[] = [];
  if (event.ctrlKey || event.metaKey) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  const single = event.key.length === 1;
  // Of a plain sign Shift is part of the sign itself: `?`. With Ctrl a letter is told apart.
  if (event.shiftKey && (!single || (parts.length > 0 && /[a-z]/i.test(event.key)))) parts.push("Shift");
  parts.push(single && parts.length > 0 ? event.key.toUpperCase() : event.key);
  return parts.join(" ");
}

export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.closest("input, textarea, select, [contenteditable=true], .cm-editor") !== null;
}

/** Follows key presses and says which shortcut they complete. Separate from the DOM so that it can be tested. */
export class Matcher {
  private pending = "";
  private pendingAtMs = 0;

  press(name: string, nowMs: number, shortcuts: readonly Shortcut[]): Shortcut | null {
    if (nowMs - this.pendingAtMs > SEQUENCE_MS_MAX) this.pending = "";
    const sequence = this.pending ? `${this.pending} ${name}` : name;
    // The latest registration wins: a dialog over a screen has the keys.
    const found = shortcuts.findLast((entry) => entry.keys === sequence) ?? shortcuts.findLast((entry) => entry.keys === name);
    const starts = !found && shortcuts.some((entry) => entry.keys.startsWith(`${name} `) && !name.includes(" "));
    this.pending = starts ? name : "";
    this.pendingAtMs = nowMs;
    return found ?? null;
  }
}

/** Listens once for the whole window. Mounted by the shell. */
export function useShortcutListener(): void {
  useEffect(() => {
    const matcher = new Matcher();
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing || ["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
      const name = keyName(event);
      if (isTyping(event.target) && !name.startsWith("Ctrl ")) return;
      const found = matcher.press(name, event.timeStamp, registry.get());
      if (!found) return;
      event.preventDefault();
      found.run();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}

/** Puts the cursor into the screen's search field (the first visible element marked `data-search`). */
export function focusSearch(): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-search]")) {
    if (element.offsetParent === null) continue;
    const field = element.matches("input, textarea") ? element : element.querySelector<HTMLElement>("input, .cm-content");
    field?.focus();
    return;
  }
}
