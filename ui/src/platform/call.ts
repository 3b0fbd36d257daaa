import type { Commands, Revision, Topic } from "@/bindings";
import { defaultTransport } from "./tauri";
import { transport } from "./transport";

/** Runs a command. Rejects with an `Error` whose cause is the command's own (see shared/errors: toAppError). */
export async function call<N extends keyof Commands>(name: N, request: Commands[N]["request"]): Promise<Commands[N]["response"]> {
  return (await transport(defaultTransport).call(name, request)) as Commands[N]["response"];
}

/** Follows a topic until the returned function is called, however early that is. */
export function subscribe(topic: Topic, onRevision: (revision: Revision) => void, onError?: (error: unknown) => void): () => void {
  let ended = false;
  let end: (() => void) | null = null;
  transport(defaultTransport)
    .subscribe(topic, (revision) => {
      if (!ended) onRevision(revision);
    })
    .then(
      (stop) => {
        if (ended) stop();
        else end = stop;
      },
      (failure: unknown) => {
        if (!ended) onError?.(failure);
      },
    );
  return () => {
    ended = true;
    end?.();
  };
}
