/** Every matching record as a file, not a page of them. */

import { useState } from "react";
import type { ExportFormat, TailRequest } from "@/bindings";
import { useAction } from "@/platform";
import { Button } from "@/shared/controls";
import { bytes, count, number } from "@/shared/format";
import { Form, type Field, type FormValues } from "@/shared/Form";
import { ErrorNote } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { path } from "@/shared/router";

const FORMATS = [
  { value: "json_lines", label: "JSON Lines", ending: "jsonl" }, { value: "csv", label: "CSV", ending: "csv" }, { value: "parquet", label: "Parquet", ending: "parquet" }, { value: "arrow", label: "Arrow", ending: "arrow" },
] as const;

/** Exports what a tail is asked for; a tail that cannot run cannot be exported. */
export function ExportButton({ request }: { request: TailRequest | null }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button disabled={request === null} onClick={() => setOpen(true)} testId="tail-export">Export…</Button>
      {open && request !== null && <Export request={request} onClose={() => setOpen(false)} />}
    </>
  );
}

function Export({ request, onClose }: { request: TailRequest; onClose: () => void }) {
  const live = request.start === "end";
  const [values, setValues] = useState<FormValues>({ format: "json_lines", path: `${request.topic}.jsonl`, from: live ? "beginning" : "table", stop: true });
  const action = useAction("tail_export");
  const fields: readonly Field[] = [
    { name: "format", label: "Format", kind: "choice", required: true, choices: FORMATS },
    { name: "path", label: "File", kind: "text", required: true, help: "It appears when it is whole." },
    { name: "from", label: "From", kind: "choice", required: true, choices: [{ value: "beginning", label: "the beginning of the topic" }, { value: "table", label: live ? "now on" : "where the table starts" }] },
    { name: "stop", label: "Stop at the end that the topic has now", kind: "boolean" },
  ];
  const change = (next: FormValues) => {
    const ending = FORMATS.find(({ value }) => value === next["format"])?.ending ?? "jsonl";
    const renamed = next["format"] !== values["format"] ? String(next["path"]).replace(/\.(jsonl|csv|parquet|arrow)$/, `.${ending}`) : next["path"];
    setValues({ ...next, path: renamed ?? null });
  };
  const send = () =>
    action.mutate(
      { path: String(values["path"]).trim(), format: String(values["format"]) as ExportFormat, tail: { ...request, start: values["from"] === "beginning" ? "beginning" : request.start, stop_at_end: request.stop_at_end || values["stop"] === true } },
      { onSuccess: (written) => toast.done(`${count(written.rows, "record")} exported`, written.path) },
    );
  return (
    <Dialog open onClose={onClose} title={`Export ${request.topic}`} about={request.filter ? <>Every record where <code>{request.filter}</code></> : "Every record"} width={560} testId="export">
      <Form fields={fields} values={values} onChange={change} onSubmit={send} submit={action.isPending ? "Exporting…" : "Export"} busy={action.isPending} testId="export-form" />
      {action.isPending && <p className="mute">It goes on when this is closed: <a href={path("activity")}>Activity</a> shows how far it is, and stops it.</p>}
      {action.error && <ErrorNote error={action.error} testId="export-error" />}
      {action.data && <p className="mute" data-testid="export-outcome" data-selectable="">{`${number(action.data.rows)} of ${number(action.data.scanned)} records scanned, ${bytes(action.data.bytes)} in ${action.data.path}; ${action.data.note}.`}</p>}
    </Dialog>
  );
}
