import { Channel, invoke, isTauri } from "@tauri-apps/api/core";
import { getCurrentWebview } from "@tauri-apps/api/webview";
import type { Error as AppError, Revision, Topic } from "@/bindings";
import { asThrown, NO_TRANSPORT, type Transport } from "./transport";

const TAURI: Transport = {
  async call(name, request) {
    try {
      return await invoke("call", { name, request });
    } catch (failure) {
      throw asError(failure, name);
    }
  },
  async subscribe(topic: Topic, onRevision) {
    const channel = new Channel<Revision>(onRevision);
    try {
      const id = await invoke<number>("subscribe", { topic, channel });
      return () => void invoke("unsubscribe", { id }).catch(() => {
        // The window is closing: the subscription ends with it.
      });
    } catch (failure) {
      throw asError(failure, "subscribe");
    }
  },
  dropped: (onFiles) =>
    getCurrentWebview().onDragDropEvent(({ payload }) => {
      if (payload.type === "drop") onFiles(payload.paths);
    }),
};

/** Commands reject with the model's error; Tauri itself (an unknown command, a missing permission) with a text. */
function asError(failure: unknown, name: string): Error {
  if (typeof failure === "object" && failure !== null && "code" in failure && "message" in failure) return asThrown(failure as AppError);
  return asThrown({
    domain: "internal",
    retry: false,
    code: "window_call",
    message: `The window could not call ${name}: ${typeof failure === "string" ? failure : "no reason was given"}.`,
  });
}

export function defaultTransport(): Transport {
  return isTauri() ? TAURI : NO_TRANSPORT;
}
