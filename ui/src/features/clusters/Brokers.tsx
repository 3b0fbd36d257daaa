import { useState } from "react";
import type { BrokerDetail } from "@/bindings";
import { useCall } from "@/platform";
import { Badge, SearchInput, Switch } from "@/shared/controls";
import { ConfigTable } from "@/shared/ConfigTable";
import { bytes, number } from "@/shared/format";
import { EmptyState } from "@/shared/layout";
import { Dialog } from "@/shared/overlay";
import { Table, type Column } from "@/shared/table";
import styles from "./inside.module.css";

const EVERY_MS = 15_000;

function disk(row: BrokerDetail): string {
  const free = row.disk_bytes_free === null ? "" : `, ${bytes(row.disk_bytes_free)} of ${bytes(row.disk_bytes)} free`;
  return `${bytes(row.bytes)} in its logs${free}`;
}

const COLUMNS: readonly Column<BrokerDetail>[] = [
  { id: "id", title: "broker", width: 78, align: "right", mono: true, cell: (row) => <>{row.controller === true && <Badge title="The cluster's controller" testId="controller">CTRL</Badge>} {row.id}</>, sortBy: (row) => row.id },
  { id: "host", title: "address", width: 190, grow: true, mono: true, cell: (row) => <span title={row.rack === null ? undefined : `rack ${row.rack}`}>{`${row.host}:${row.port}`}</span>, sortBy: (row) => row.host },
  { id: "leads", title: "leads", width: 58, align: "right", mono: true, cell: (row) => number(row.leads), sortBy: (row) => row.leads },
  { id: "holds", title: "holds", width: 60, align: "right", mono: true, cell: (row) => <span className={row.behind > 0 ? "warn" : undefined} title={row.behind > 0 ? `${number(row.behind)} copies are not in sync` : undefined}>{number(row.holds)}</span>, sortBy: (row) => row.holds },
  { id: "size", title: "size", width: 72, align: "right", mono: true, cell: (row) => <span title={disk(row)}>{bytes(row.bytes)}</span>, sortBy: (row) => row.bytes },
];

export function Brokers({ cluster }: { cluster: string }) {
  const brokers = useCall("broker_list", { cluster }, { everyMs: EVERY_MS });
  const [open, setOpen] = useState<BrokerDetail | null>(null);
  return (
    <>
      {brokers.data?.missing.map((sentence) => <p key={sentence} className={styles["note"]}>{sentence}</p>)}
      <Table id="brokers" label={`Brokers of ${cluster}`} columns={COLUMNS} rowKey={(row) => String(row.id)} rows={brokers.data?.brokers} initialSort={{ column: "id", descending: false }} onOpen={setOpen} openOnClick loading={brokers.isPending} error={brokers.error} onRetry={() => void brokers.refetch()} empty={<EmptyState title="No brokers">The cluster names none.</EmptyState>} />
      {open && <BrokerDialog cluster={cluster} broker={open} onClose={() => setOpen(null)} />}
    </>
  );
}

/** What a broker runs with. */
function BrokerDialog({ cluster, broker, onClose }: { cluster: string; broker: BrokerDetail; onClose: () => void }) {
  const config = useCall("broker_config", { cluster, broker: broker.id });
  const [text, setText] = useState("");
  const [changed, setChanged] = useState(true);
  return (
    <Dialog open onClose={onClose} width={900} title={`Broker ${broker.id}`} about={`${broker.host}:${broker.port}${broker.rack === null ? "" : ` · rack ${broker.rack}`}${broker.controller === true ? " · the controller" : ""} · leads ${number(broker.leads)} partitions, holds ${number(broker.holds)} · ${disk(broker)}`} testId="broker">
      <div style={{ display: "flex", gap: 12, alignItems: "center" }}>
        <SearchInput label="Search settings" value={text} onChange={setText} testId="broker-search" />
        <Switch label="Only changed" checked={changed} onChange={setChanged} testId="broker-changed" />
      </div>
      <div className={styles["dialog"]}>
        <ConfigTable id="broker-config" label={`Settings of broker ${broker.id}`} config={config.data} text={text} changed={changed} error={config.error} onRetry={() => void config.refetch()} />
      </div>
    </Dialog>
  );
}
