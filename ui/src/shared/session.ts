/** The cluster that the whole window looks at: chosen in the top bar, remembered on this machine. */

import { remembered, useStore } from "./store";

const chosen = remembered<string>("tailrace.cluster", "", (value): value is string => value.length > 0);

/** Empty until a cluster is known. */
export function useCluster(): string {
  return useStore(chosen);
}

export function chooseCluster(name: string): void {
  chosen.set(name);
}
