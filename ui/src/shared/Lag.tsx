/** Lag as it stands in a cell, with what is to be known of the number. */

import type { GroupPartition } from "@/bindings";
import { count, duration, number } from "./format";

/** A lag in time, with a sign when it is guessed from samples rather than read from the record. */
export function LagTime({ row }: { row: Pick<GroupPartition, "lag_ms" | "lag_ms_source"> }) {
  if (row.lag_ms_source !== "interpolated") return <>{duration(row.lag_ms)}</>;
  return <span title="Guessed from when the partition’s end passed the commit: the record at the commit was not read.">~{duration(row.lag_ms)}</span>;
}

/** A lag in records; where offsets that are no records are in it, or the commit is past the end, that is said. */
export function Lag({ row, pastEnd = null }: { row: Pick<GroupPartition, "lag" | "lag_in_offsets" | "lost">; pastEnd?: number | null }) {
  if (pastEnd !== null) return <span className="bad" title={`The commit is ${count(pastEnd, "offset")} past the end: the topic was made anew, or lost records. What is left to read is not known.`}>past end</span>;
  const lag = row.lag_in_offsets ? <span title="In offsets: marks of transactions or compacted records are among them, too many to look at each.">≤{number(row.lag)}</span> : number(row.lag);
  return <>{lag}<Lost lost={row.lost} /></>;
}

function Lost({ lost }: { lost: number | null }) {
  if (lost === null || lost === 0) return null;
  return <span className="bad" title={`${count(lost, "record")} ${lost === 1 ? "was" : "were"} deleted before ${lost === 1 ? "it was" : "they were"} read`}> !</span>;
}
