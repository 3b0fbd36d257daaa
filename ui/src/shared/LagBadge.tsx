import type { LagStatus } from "@/bindings";
import { groupedCounts } from "./format";
import { Badge, type Tone } from "./controls";

const TONES: Readonly<Record<LagStatus, Tone>> = { ok: "ok", warn: "warning", stall: "warning", stop: "error", rewind: "error", unknown: "neutral" };

export function LagBadge({ status, reason }: { status: LagStatus; reason: string }) {
  return <Badge tone={TONES[status]} title={groupedCounts(reason)} testId={`lag-${status}`}>{status === "unknown" ? "UNKNOWN" : status.toUpperCase()}</Badge>;
}
