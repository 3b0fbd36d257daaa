import type { ConnectorSummary } from "@/bindings";
import { Badge, type Tone } from "@/shared/controls";

const TONES: Readonly<Record<string, Tone>> = { RUNNING: "ok", FAILED: "error", PAUSED: "warning", STOPPED: "neutral", UNASSIGNED: "warning", RESTARTING: "information" };

/** A state as Connect names it. */
export function StateBadge({ state }: { state: string | null }) {
  return <Badge tone={TONES[state ?? ""] ?? "neutral"} testId={`state-${state ?? "unknown"}`}>{state ?? "UNKNOWN"}</Badge>;
}

/** `2 running, 1 failed`. */
export function taskCounts(row: ConnectorSummary): string {
  if (row.tasks.length === 0) return "none";
  const counts = new Map<string, number>();
  for (const { state } of row.tasks) counts.set(state ?? "unknown", (counts.get(state ?? "unknown") ?? 0) + 1);
  return [...counts].map(([state, tasks]) => `${tasks} ${state.toLowerCase()}`).join(", ");
}

/** A class without its package. */
export function shortClass(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}
