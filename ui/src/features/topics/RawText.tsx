import { useState } from "react";
import type { RecordDetail, RecordRequest } from "@/bindings";
import { useCall } from "@/platform";
import { Button } from "@/shared/controls";
import { bytes, number } from "@/shared/format";
import { ErrorNote } from "@/shared/layout";
import { TextLines } from "@/shared/TextLines";
import styles from "./Records.module.css";

/** What one call hands over. */
const PAGE_BYTES = 256 * 1024;

/** The value as text. A large one is shown part by part: nothing of it is left out, and nothing is laid out that is not seen. */
export function RawText({ record, request }: { record: RecordDetail; request: RecordRequest }) {
  const [first, setFirst] = useState(0);
  const paged = record.text_bytes > PAGE_BYTES;
  const part = useCall("record_text", { record: request, first, limit: PAGE_BYTES }, { enabled: first > 0, keep: true });
  const found = first === 0 ? undefined : part.data;
  const text = first === 0 ? record.text : found?.text;
  const next = first === 0 ? Math.min(PAGE_BYTES, record.text_bytes) : (found?.next ?? first);
  const end = next >= record.text_bytes;
  return (
    <div className={styles["raw"]} data-testid="record-raw">
      {paged && (
        <div className={styles["pager"]}>
          <Button kind="quiet" disabled={first === 0} onClick={() => setFirst(Math.max(0, first - PAGE_BYTES))} testId="raw-back">‹ Before</Button>
          <span className="mute" data-testid="raw-place" title={`${number(first)} to ${number(next)} of ${number(record.text_bytes)} bytes`}>{`${bytes(first)} to ${bytes(next)} of ${bytes(record.text_bytes)}`}</span>
          <Button kind="quiet" disabled={end} onClick={() => setFirst(next)} testId="raw-next">After ›</Button>
          <Button kind="quiet" disabled={end} onClick={() => setFirst(Math.max(0, record.text_bytes - PAGE_BYTES))} testId="raw-end">To the end</Button>
        </div>
      )}
      {part.error && first > 0 ? <ErrorNote error={part.error} /> : <TextLines key={first} text={text ?? (first === 0 ? "null" : "")} label="The value as text" testId="record-raw-lines" />}
    </div>
  );
}
