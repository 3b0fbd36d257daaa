/** Two topics side by side, of one cluster or of two. */

import { useMemo, useState } from "react";
import type { ComparisonRow } from "@/bindings";
import { useCall } from "@/platform";
import { Badge, Combobox, Switch } from "@/shared/controls";
import { meaning, sourceName } from "@/shared/ConfigTable";
import { bytes, count, groupedCounts, groupedDigits, UNKNOWN } from "@/shared/format";
import { EmptyState } from "@/shared/layout";
import { useQueryParam } from "@/shared/router";
import { Table, type Column } from "@/shared/table";
import { useTopicChoices } from "./changes/dialogs";
import { toTopic } from "./changes/forms";
import styles from "./topics.module.css";

function shown(row: ComparisonRow, value: string | null) {
  if (value === null) return <span className="faint">{UNKNOWN}</span>;
  if (row.name === "bytes") return bytes(Number(value));
  return <>{row.section === "partitions" ? groupedCounts(value) : groupedDigits(value)} <span className="faint">{row.section === "config" && meaning(row.name, value)}</span></>;
}

function side(row: ComparisonRow, value: string | null, source: ComparisonRow["left_source"]) {
  return <span className={row.differs ? undefined : "mute"} title={source === null ? undefined : sourceName(source)}>{shown(row, value)}</span>;
}

export function Compare({ cluster, topic, text }: { cluster: string; topic: string; text: string }) {
  const [address, setAddress] = useQueryParam("with");
  const [written, setWritten] = useState(address);
  const [all, setAll] = useState(false);
  const choices = useTopicChoices(cluster, written);
  const other = toTopic(address);
  const compared = useCall("topic_compare", { left: { cluster, topic }, right: other ?? { cluster, topic } }, { enabled: other !== null });
  const columns = useMemo<readonly Column<ComparisonRow>[]>(
    () => [
      { id: "name", title: "", name: "What", width: 220, mono: true, cell: (row) => row.name, sortBy: (row) => row.name },
      { id: "left", title: `${cluster}/${topic}`, width: 220, grow: true, mono: true, cell: (row) => side(row, row.left, row.left_source) },
      { id: "right", title: address, width: 220, grow: true, mono: true, cell: (row) => side(row, row.right, row.right_source) },
      { id: "differs", title: "", name: "Differs", width: 90, cell: (row) => row.differs && <Badge tone="warning">DIFFERS</Badge>, sortBy: (row) => (row.differs ? 0 : 1) },
    ],
    [cluster, topic, address],
  );
  const rows = useMemo(() => compared.data?.rows.filter((row) => (all || row.differs) && row.name.includes(text.trim().toLowerCase())), [compared.data, all, text]);
  const choose = (value: string) => {
    setWritten(value);
    if (toTopic(value)) setAddress(value);
  };
  return (
    <>
      <div className={styles["pair"]}>
        <span className="mute">Compare with</span>
        <Combobox label="Compare with" placeholder="cluster/topic" value={written} choices={choices} free width={320} onChange={choose} testId="compare-with" />
        <Switch label="Same, too" checked={all} onChange={setAll} testId="compare-all" />
        {compared.data && other && <span className="mute" data-testid="compare-count">{compared.data.differences === 0 ? "no differences" : count(compared.data.differences, "difference")}</span>}
      </div>
      <Table
        id="comparison"
        label={`${topic} compared with ${address}`}
        columns={columns}
        rowKey={(row) => `${row.section} ${row.name}`}
        rows={other === null ? [] : rows}
        loading={other !== null && compared.isPending}
        error={other === null ? undefined : compared.error}
        onRetry={() => void compared.refetch()}
        empty={other === null ? <EmptyState title="Compared with what?">Choose another topic, or this one on another cluster: shape, settings and partitions are shown side by side.</EmptyState> : text ? <EmptyState title={`Nothing has “${text}” in its name`}>Clear the search.</EmptyState> : <EmptyState title="No differences">Partitions, replication, records, size and every setting are the same.</EmptyState>}
      />
    </>
  );
}
