import type { SqlScan } from "@/bindings";
import { bytes, duration, number } from "@/shared/format";

/** How much of the topics was read: while it runs how far it is, afterwards what is to be known of it. */
export function Scan({ scan, running }: { scan: SqlScan; running: boolean }) {
  const percent = scan.total === 0 ? 100 : Math.min(100, Math.floor((scan.records / scan.total) * 100));
  const [read, ...more] = scan.said;
  return (
    <>
      <span data-testid="sql-scan" title={read}>
        {running ? `${number(scan.records)} of ${number(scan.total)} records (${percent} %)` : `${number(scan.records)} records read`} · {bytes(scan.bytes)} · {number(Math.round(scan.records_per_second))}/s
        {running && (percent === 100 ? " · all read, computing" : scan.left_ms !== null && ` · ${duration(scan.left_ms)} left`)}
      </span>
      {!running && more.length > 0 && <span className="warn" data-testid="sql-said" title={more.join("; ")}>{more.join("; ")}</span>}
    </>
  );
}
