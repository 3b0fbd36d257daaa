/** Dark, light or as the desktop says. `data-theme` on the root selects the tokens. */

import { useEffect } from "react";
import { remembered, store, useStore } from "./store";

export type ThemeChoice = "dark" | "light" | "system";
export type Theme = "dark" | "light";

export const THEME_CHOICES: readonly ThemeChoice[] = ["dark", "light", "system"];
const isChoice = (value: string): value is ThemeChoice => (THEME_CHOICES as readonly string[]).includes(value);

export const themeChoice = remembered<ThemeChoice>("tailrace.theme", "system", isChoice);
const resolved = store<Theme>("dark");
const PREFERS_LIGHT = "(prefers-color-scheme: light)";

function apply(): void {
  const choice = themeChoice.get();
  const theme = choice === "system" ? (window.matchMedia(PREFERS_LIGHT).matches ? "light" : "dark") : choice;
  document.documentElement.dataset["theme"] = theme;
  resolved.set(theme);
}

/** Keeps the root's theme in step with the choice and the desktop. Mounted once, by the shell. */
export function useThemeUpkeep(): void {
  useEffect(() => {
    apply();
    const system = window.matchMedia(PREFERS_LIGHT);
    system.addEventListener("change", apply);
    const stop = themeChoice.subscribe(apply);
    return () => {
      system.removeEventListener("change", apply);
      stop();
    };
  }, []);
}

/** The theme shown now. */
export function useTheme(): Theme {
  return useStore(resolved);
}

export function useThemeChoice(): [ThemeChoice, (choice: ThemeChoice) => void] {
  return [useStore(themeChoice), themeChoice.set];
}
