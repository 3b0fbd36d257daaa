import { useMemo, useState } from "react";
import type { Acl } from "@/bindings";
import { useCall } from "@/platform";
import { Badge, SearchInput } from "@/shared/controls";
import { count } from "@/shared/format";
import { EmptyState } from "@/shared/layout";
import { Table, type Column } from "@/shared/table";
import styles from "./inside.module.css";

const named = (row: Acl) => `${row.resource_type} ${row.resource}${row.pattern === "prefixed" ? "…" : ""}`;

const COLUMNS: readonly Column<Acl>[] = [
  { id: "principal", title: "who", width: 120, grow: true, mono: true, cell: (row) => <span title={row.host === "*" ? "from any host" : `from ${row.host}`}>{row.principal}{row.host !== "*" && <span className="faint"> @ {row.host}</span>}</span>, sortBy: (row) => row.principal },
  { id: "permission", title: "", name: "Permission", width: 78, cell: (row) => <Badge tone={row.permission === "deny" ? "error" : "ok"}>{row.permission.toUpperCase()}</Badge>, sortBy: (row) => row.permission },
  { id: "operation", title: "what", width: 100, cell: (row) => row.operation.replaceAll("_", " "), sortBy: (row) => row.operation },
  { id: "resource", title: "of", width: 150, grow: true, mono: true, cell: (row) => <span title={row.pattern === "prefixed" ? "every name that begins with this" : undefined}><span className="faint">{row.resource_type}</span> {row.resource}{row.pattern === "prefixed" && <span className="faint">…</span>}</span>, sortBy: named },
];

export function AccessRules({ cluster }: { cluster: string }) {
  const acls = useCall("acl_list", { cluster });
  const [text, setText] = useState("");
  const shown = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return acls.data?.filter((row) => {
      const all = `${row.principal} ${row.permission} ${row.operation} ${named(row)} ${row.host}`.toLowerCase();
      return words.every((word) => all.includes(word));
    });
  }, [acls.data, text]);
  return (
    <>
      {acls.data && acls.data.length > 0 && (
        <div className={styles["tools"]}>
          <SearchInput label="Search access rules" value={text} onChange={setText} testId="acls-search" />
          <span className="mute">{count(shown?.length, "rule")}</span>
        </div>
      )}
      <Table id="acls" label={`Access rules of ${cluster}`} columns={COLUMNS} rowKey={(row) => Object.values(row).join("\u0001")} rows={shown} initialSort={{ column: "principal", descending: false }} loading={acls.isPending} error={acls.error} onRetry={() => void acls.refetch()} empty={text ? <EmptyState title={`No rule has “${text}” in it`}>Clear the search.</EmptyState> : <EmptyState title="No access rules">The cluster has an authorizer and no rule: only its super users may do anything.</EmptyState>} />
    </>
  );
}
