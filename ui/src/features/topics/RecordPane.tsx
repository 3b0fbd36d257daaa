import { useCall } from "@/platform";
import { Button } from "@/shared/controls";
import { cx } from "@/shared/cx";
import { bytes, dateTimeMs, number } from "@/shared/format";
import { JsonTree } from "@/shared/JsonTree";
import { ErrorState, Facts, Loading } from "@/shared/layout";
import { toast } from "@/shared/overlay";
import { navigate, path } from "@/shared/router";
import styles from "./Records.module.css";

interface RecordPaneProps {
  cluster: string;
  topic: string;
  partition: number;
  offset: number;
  onClose: () => void;
}

export function RecordPane({ cluster, topic, partition, offset, onClose }: RecordPaneProps) {
  const record = useCall("record_show", { cluster, topic, partition, offset }, { keep: true });
  const { data } = record;
  const copy = () => {
    const text = data?.json ?? data?.text ?? "";
    navigator.clipboard.writeText(text).then(() => toast.done("Value copied"), (error: unknown) => toast.failed("The value was not copied", error));
  };
  const sameKey = (key: string) => navigate(path("topics", cluster, topic, { from: "beginning", where: `_key = '${key.replaceAll("'", "''")}'` }));
  return (
    <div className={styles["pane"]} data-testid="record" data-offset={data?.offset}>
      <div className={styles["head"]}>
        <b>Record</b>
        <span className="mute" style={{ flex: 1 }}>p {partition} · {number(offset)}</span>
        <Button kind="quiet" icon aria-label="Close the record" onClick={onClose} testId="record-close">×</Button>
      </div>
      {record.error ? (
        <ErrorState error={record.error} onRetry={() => void record.refetch()} />
      ) : !data ? (
        <Loading />
      ) : (
        <>
          <div className={styles["facts"]}>
            <Facts items={[["time", <span key="time" className="mono">{dateTimeMs(data.timestamp_ms)}</span>], ["key", <span key="key" className="mono info">{data.key ?? "null"}</span>], ["value", `${data.format}, ${bytes(data.value_bytes)}`], ...data.headers.map((header) => [header.name, <span key={header.name} className="mono">{header.value ?? "null"}</span>] as const)]} />
          </div>
          {data.problem !== null && <p className={cx("bad", styles["problem"])} data-selectable="">{data.problem}</p>}
          <div className={styles["value"]}>{data.json !== null ? <JsonTree text={data.json} label="Value" /> : <pre>{data.text ?? "null"}</pre>}</div>
          <div className={styles["actions"]}>
            {data.key !== null && <Button wide onClick={() => navigate(path("profiles", { search: data.key }))} testId="record-profile">Find the profile of {data.key}</Button>}
            {data.key !== null && <Button wide onClick={() => sameKey(data.key ?? "")} testId="record-same-key">Records with this key</Button>}
            <Button wide onClick={copy}>Copy the value</Button>
          </div>
        </>
      )}
    </div>
  );
}
