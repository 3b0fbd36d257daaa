/** Which cluster this is, by name and in its own colour: production is never mistaken for anything else. */

import { Badge } from "./controls";
import styles from "./ClusterTag.module.css";
import { useClusterLook } from "./session";

export function ClusterTag({ cluster, readOnly = false }: { cluster: string; /** Says so where it is. */ readOnly?: boolean }) {
  const look = useClusterLook(cluster);
  if (cluster === "") return null;
  return (
    <span className={styles["tag"]} style={look && { borderColor: look.color }} title={`Cluster ${cluster}`} data-testid="cluster-tag" data-cluster={cluster} data-color={look?.color}>
      <i style={look && { background: look.color }} aria-hidden="true" />
      <span>{cluster}</span>
      {readOnly && look?.read_only === true && <Badge tone="warning">READ ONLY</Badge>}
    </span>
  );
}
