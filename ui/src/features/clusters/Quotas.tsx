import type { Quota, QuotaLimit } from "@/bindings";
import { useCall } from "@/platform";
import { bytes, number } from "@/shared/format";
import { EmptyState } from "@/shared/layout";
import { Table, type Column } from "@/shared/table";

const who = (row: Quota) => row.entity.map((each) => `${each.kind} ${each.name ?? ""}`).join(", ");

/** `producer_byte_rate` in bytes a second, others as they are. */
export function limitText({ name, value }: QuotaLimit): string {
  const title = name.replaceAll("_", " ");
  if (name.endsWith("_byte_rate")) return `${title} ${bytes(value)}/s`;
  if (name === "request_percentage") return `${title} ${number(value, 1)} %`;
  return `${title} ${number(value, Number.isInteger(value) ? 0 : 2)}`;
}

const COLUMNS: readonly Column<Quota>[] = [
  { id: "entity", title: "who", width: 160, grow: true, mono: true, cell: (row) => row.entity.map((each, at) => <span key={each.kind}>{at > 0 && ", "}<span className="faint">{each.kind}</span> {each.name ?? <span className="mute">all others</span>}</span>), sortBy: who },
  { id: "limits", title: "limited to", width: 240, grow: true, cell: (row) => <span title={row.limits.map(limitText).join("\n")}>{row.limits.map(limitText).join(" · ")}</span> },
];

export function Quotas({ cluster }: { cluster: string }) {
  const quotas = useCall("quota_list", { cluster });
  return <Table id="quotas" label={`Quotas of ${cluster}`} columns={COLUMNS} rowKey={who} rows={quotas.data} initialSort={{ column: "entity", descending: false }} loading={quotas.isPending} error={quotas.error} onRetry={() => void quotas.refetch()} empty={<EmptyState title="No quotas">Nobody is limited on this cluster.</EmptyState>} />;
}
