/** What the tables of groups show. */

import type { GroupMember, GroupPartition, GroupSummary, Rebalance } from "@/bindings";
import { dateTime, duration, number, perSecondNumber, UNKNOWN } from "@/shared/format";
import { Lag, LagTime } from "@/shared/Lag";
import { LagBadge } from "@/shared/LagBadge";
import type { Column } from "@/shared/table";

const SEVERITY = { rewind: 0, stop: 1, stall: 2, warn: 3, unknown: 4, ok: 5 } as const;

export function drained(row: Pick<GroupSummary, "lag" | "status" | "in_per_second" | "out_per_second" | "drained_in_ms"> & { members?: number }): string {
  if (row.lag === 0 || row.lag === null) return UNKNOWN;
  if (row.drained_in_ms !== null) return duration(row.drained_in_ms);
  if (row.out_per_second === 0 || (row.members === 0 && row.status === "stop")) return "never";
  // Of a group that keeps up the lag goes up and down by what is under way.
  const grows = row.status !== "ok" && row.in_per_second !== null && row.out_per_second !== null && row.in_per_second > row.out_per_second;
  return grows ? "growing" : UNKNOWN;
}

export const GROUPS: readonly Column<GroupSummary>[] = [
  { id: "group", title: "group", width: 190, grow: true, cell: (row) => row.group, sortBy: (row) => row.group },
  { id: "status", title: "status", width: 92, cell: (row) => <LagBadge status={row.status} reason={row.reason} />, sortBy: (row) => SEVERITY[row.status] },
  { id: "members", title: "members", width: 80, align: "right", mono: true, tone: "mute", cell: (row) => number(row.members), sortBy: (row) => row.members },
  { id: "partitions", title: "partitions", width: 84, align: "right", mono: true, cell: (row) => number(row.partitions), sortBy: (row) => row.partitions },
  { id: "lag", title: "lag", width: 116, align: "right", mono: true, cell: (row) => <Lag row={row} />, sortBy: (row) => row.lag },
  { id: "lag-time", title: "lag in time", width: 112, align: "right", mono: true, cell: (row) => <LagTime row={row} />, sortBy: (row) => row.lag_ms },
  { id: "skew", title: "skew", name: "The largest lag of a partition over the mean", width: 64, align: "right", mono: true, tone: "mute", cell: (row) => (row.skew === null ? UNKNOWN : `${row.skew.toFixed(1)}×`), sortBy: (row) => row.skew },
  { id: "in", title: "in /s", width: 84, align: "right", mono: true, tone: "mute", cell: (row) => perSecondNumber(row.in_per_second), sortBy: (row) => row.in_per_second },
  { id: "out", title: "out /s", width: 84, align: "right", mono: true, tone: "mute", cell: (row) => perSecondNumber(row.out_per_second), sortBy: (row) => row.out_per_second },
  { id: "drained", title: "drained in", width: 100, align: "right", mono: true, tone: "mute", cell: drained, sortBy: (row) => row.drained_in_ms },
];

export const PARTITIONS: readonly Column<GroupPartition>[] = [
  { id: "topic", title: "topic", width: 130, grow: true, cell: (row) => row.topic, sortBy: (row) => row.topic },
  { id: "partition", title: "partition", width: 78, align: "right", mono: true, cell: (row) => row.partition, sortBy: (row) => row.partition },
  { id: "status", title: "status", width: 88, cell: (row) => <LagBadge status={row.status} reason={row.reason} />, sortBy: (row) => SEVERITY[row.status] },
  { id: "committed", title: "committed", width: 112, align: "right", mono: true, cell: (row) => number(row.committed), sortBy: (row) => row.committed },
  { id: "end", title: "end", width: 112, align: "right", mono: true, cell: (row) => number(row.end), sortBy: (row) => row.end },
  { id: "lag", title: "lag", width: 100, align: "right", mono: true, cell: (row) => <Lag row={row} pastEnd={row.past_end} />, sortBy: (row) => row.lag },
  { id: "lag-time", title: "lag in time", width: 100, align: "right", mono: true, cell: (row) => <LagTime row={row} />, sortBy: (row) => row.lag_ms },
  { id: "out", title: "out /s", width: 70, align: "right", mono: true, tone: "mute", cell: (row) => perSecondNumber(row.out_per_second), sortBy: (row) => row.out_per_second },
  { id: "drained", title: "drained in", width: 92, align: "right", mono: true, tone: "mute", cell: (row) => drained(row), sortBy: (row) => row.drained_in_ms },
  { id: "owner", title: "owner", width: 190, tone: "mute", cell: (row) => (row.member === null ? "no member" : <span title={row.member}>{row.client}{row.host === null ? "" : ` · ${row.host}`}</span>), sortBy: (row) => row.member },
];

export const MEMBERS: readonly Column<GroupMember>[] = [
  { id: "client", title: "client", width: 150, grow: true, cell: (row) => row.client, sortBy: (row) => row.client },
  { id: "host", title: "host", width: 130, cell: (row) => row.host, sortBy: (row) => row.host },
  { id: "count", title: "partitions", width: 84, align: "right", mono: true, cell: (row) => number(row.assignment.length), sortBy: (row) => row.assignment.length },
  { id: "assignment", title: "assigned", width: 200, grow: true, tone: "mute", cell: (row) => <span title={row.assignment.join(", ")}>{row.assignment.length === 0 ? "nothing: there are more members than partitions" : row.assignment.join(", ")}</span> },
  { id: "lag", title: "lag", width: 104, align: "right", mono: true, cell: (row) => number(row.lag), sortBy: (row) => row.lag },
  { id: "lag-time", title: "lag in time", width: 104, align: "right", mono: true, cell: (row) => <LagTime row={row} />, sortBy: (row) => row.lag_ms },
  { id: "out", title: "out /s", width: 80, align: "right", mono: true, tone: "mute", cell: (row) => perSecondNumber(row.out_per_second), sortBy: (row) => row.out_per_second },
  { id: "id", title: "member", width: 220, tone: "mute", mono: true, cell: (row) => <span title={row.id}>{row.id}</span>, sortBy: (row) => row.id },
];

export const REBALANCES: readonly Column<Rebalance>[] = [
  { id: "at", title: "when", width: 180, mono: true, tone: "mute", cell: (row) => dateTime(row.at_ms), sortBy: (row) => row.at_ms },
  { id: "what", title: "what was seen", width: 400, grow: true, cell: (row) => row.what, sortBy: (row) => row.what },
];
