/** The cluster that the whole window looks at: chosen in the top bar, remembered on this machine; and how clusters look. */

import { remembered, store, useStore } from "./store";

const chosen = remembered<string>("tailrace.cluster", "", (value): value is string => value.length > 0);

/** Empty until a cluster is known. */
export function useCluster(): string {
  return useStore(chosen);
}

export function chooseCluster(name: string): void {
  chosen.set(name);
}

export interface ClusterLook {
  name: string;
  color: string;
  read_only: boolean;
}

const looks = store<readonly ClusterLook[]>([]);

/** The shell tells what the clusters look like, as often as that changes. */
export function tellClusters(clusters: readonly ClusterLook[]): void {
  looks.set(clusters);
}

/** Undefined until the clusters are known, and of one that is not there. */
export function useClusterLook(name: string): ClusterLook | undefined {
  return useStore(looks).find((look) => look.name === name);
}
