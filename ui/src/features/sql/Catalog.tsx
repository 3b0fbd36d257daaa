import { useState } from "react";
import type { SqlTable } from "@/bindings";
import { Button, SearchInput } from "@/shared/controls";
import { number } from "@/shared/format";
import styles from "./sql.module.css";

/** What can be asked: tables, and the columns of those that are open. */
export function Catalog({ tables, onAsk, onOpen }: { tables: readonly SqlTable[]; onAsk: (table: string) => void; onOpen: (table: SqlTable) => void }) {
  const [text, setText] = useState("");
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const wanted = text.trim().toLowerCase();
  const found = tables.flatMap((table) => {
    const named = table.name.toLowerCase().includes(wanted);
    const columns = table.columns.filter((column) => named || column.name.toLowerCase().includes(wanted));
    return named || columns.length > 0 ? [{ ...table, columns, shown: open.has(table.name) || (wanted !== "" && !named) }] : [];
  });
  const toggle = (table: SqlTable) => {
    const next = new Set(open);
    if (!next.delete(table.name)) {
      next.add(table.name);
      onOpen(table);
    }
    setOpen(next);
  };
  return (
    <div className={styles["catalog"]} data-testid="sql-catalog">
      <div className={styles["search"]}><SearchInput label="Search tables and columns" value={text} onChange={setText} width={246} testId="sql-catalog-search" /></div>
      <div className={styles["tables"]}>
        {found.map((table) => (
          <section key={table.name}>
            <div className={styles["table"]}>
              <button type="button" aria-expanded={table.shown} onClick={() => toggle(table)} data-testid={`sql-table-${table.name}`}><i aria-hidden="true">{table.shown ? "▾" : "▸"}</i>{table.name}</button>
              <span className="faint">{table.topic !== null && table.columns.length === 0 ? "topic" : number(table.columns.length)}</span>
              <Button kind="quiet" aria-label={`Look at ${table.name}`} title={`select * from ${table.name} limit 100`} onClick={() => onAsk(table.name)} testId={`sql-ask-${table.name}`}>Look</Button>
            </div>
            {table.shown && table.columns.map((column) => <div key={column.name} className={styles["column"]} data-selectable=""><span>{column.name}</span><span className="faint">{column.data_type.toLowerCase()}</span></div>)}
          </section>
        ))}
        {found.length === 0 && <p className="mute">{wanted === "" ? "Tables appear here once a source has collected, a warehouse was read or a cluster answers." : `No table or column is called “${text}”.`}</p>}
      </div>
    </div>
  );
}
