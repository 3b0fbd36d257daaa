/**
 * The one error a screen meets. Rust sends it whole (`domain`, `retry`, `code`, `message`, `position`); whatever else is
 * thrown in the window becomes an internal one here, so that a person never reads a stack or an object.
 */

import type { Error as AppError } from "@/bindings";

export type { AppError };

export function isAppError(value: unknown): value is AppError {
  return (
    typeof value === "object" && value !== null &&
    typeof (value as AppError).code === "string" && typeof (value as AppError).message === "string" &&
    typeof (value as AppError).domain === "string"
  );
}

export function toAppError(value: unknown): AppError {
  if (isAppError(value)) return value;
  if (value instanceof Error && isAppError(value.cause)) return value.cause;
  const message = value instanceof Error ? value.message : typeof value === "string" ? value : "";
  return {
    domain: "internal",
    retry: false,
    code: "window_failure",
    message: message || "The window failed without saying why. Reload it with Ctrl R; what it was doing in the background goes on.",
  };
}

/** The engine begins a message as its own language does; a name that comes first keeps its case. */
const WORDS = new Set("a all an any at cannot can't condition every expected it more name no nothing of one only property reached stopped such that the there these this unknown what write".split(" "));

export function sentence(message: string): string {
  const first = /^[a-z']+(?=[\s,:])/.exec(message)?.[0];
  return first !== undefined && WORDS.has(first) ? message.charAt(0).toUpperCase() + message.slice(1) : message;
}

/** The message as a person reads it: where it lies in a text is said beside it. */
export function told({ message, position }: AppError): string {
  return sentence(position ? message.replace(/^line \d+, column \d+: /, "") : message);
}

/** What a person can do about it, when the message does not already say so. */
export function advice(error: AppError): string {
  if (error.domain === "user") return "Change what it names, then try again.";
  if (error.domain === "external") {
    return error.retry ? "The other system did not answer as it should. Trying again may help." : "The other system refused: trying again unchanged will not help.";
  }
  return "This is a fault of Tailrace itself. What was already saved is safe.";
}
