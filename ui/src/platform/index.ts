/** The window's side of the engine. The only folder that imports Tauri. */

export { call, subscribe } from "./call";
export { useDroppedFiles } from "./drop";
export { newQueryClient, useAction, useCall, useRevision, useSubscription, type CallOptions, type RequestOf, type ResponseOf, type Subscription } from "./hooks";
export { setTransport, type Transport } from "./transport";
