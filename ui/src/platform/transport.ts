/**
 * The one way out of the window: commands (a request, a response) and subscriptions (revisions of something that
 * changes). In the app it is Tauri; a test or the development page puts its own in place before anything is called.
 */

import type { Error as AppError, Revision, Topic } from "@/bindings";

export interface Transport {
  call(name: string, request: unknown): Promise<unknown>;
  /** Resolves once the subscription stands; gives back how to end it. */
  subscribe(topic: Topic, onRevision: (revision: Revision) => void): Promise<() => void>;
  /** Tells the paths of files dropped onto the window. Absent: nothing can be dropped. */
  dropped?(onFiles: (paths: readonly string[]) => void): Promise<() => void>;
}

function outside(): AppError {
  return {
    domain: "internal",
    retry: false,
    code: "not_in_the_app",
    message: "This page has no engine behind it: it is meant to run inside Tailrace's window. Start Tailrace instead of opening the page in a browser.",
  };
}

/** In a plain browser: everything fails, clearly. */
export const NO_TRANSPORT: Transport = {
  call: () => Promise.reject(asThrown(outside())),
  subscribe: () => Promise.reject(asThrown(outside())),
};

/** Rejections are `Error` objects that carry the command's own error as their cause. */
export function asThrown(error: AppError): Error {
  return new Error(error.message, { cause: error });
}

let current: Transport | null = null;

export function setTransport(transport: Transport): void {
  current = transport;
}

export function transport(fallback: () => Transport): Transport {
  current ??= fallback();
  return current;
}
