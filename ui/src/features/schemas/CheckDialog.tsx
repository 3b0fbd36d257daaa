/** Whether a schema may be the next version: pasted, chosen or dropped; the registry's own word, and then its registration. */

import { useState } from "react";
import type { SchemaCheck, SchemaText, SchemaType, SubjectDetail } from "@/bindings";
import { call, useAction, useDroppedFiles } from "@/platform";
import { Badge, Button, Select, TextInput } from "@/shared/controls";
import controls from "@/shared/controls.module.css";
import { cx } from "@/shared/cx";
import { number } from "@/shared/format";
import { ErrorNote } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { navigate, path } from "@/shared/router";
import { ChangeDialog } from "./ChangeDialog";
import { levelText, TYPES } from "./model";
import styles from "./schemas.module.css";
import { Fields, SideBySide } from "./SideBySide";

const FILE_BYTES_MAX = 4 * 1024 * 1024;
type Kind = SchemaType | "auto";

interface CheckDialogProps {
  cluster: string;
  /** Absent: a new one, which is named here. */
  subject?: SubjectDetail;
  readOnly: boolean;
  onClose: () => void;
}

export function CheckDialog({ cluster, subject, readOnly, onClose }: CheckDialogProps) {
  const [name, setName] = useState(subject?.summary.subject ?? "");
  const [text, setText] = useState("");
  const [kind, setKind] = useState<Kind>("auto");
  const [all, setAll] = useState(false);
  const [registering, setRegistering] = useState(false);
  const check = useAction("schema_check");
  const schema: SchemaText = { text, schema_type: kind === "auto" ? null : kind };
  const put = (next: string, found?: SchemaType | null) => {
    check.reset();
    setText(next);
    if (found != null) setKind(found);
  };
  useDroppedFiles(([file]) => {
    if (file === undefined) return;
    call("schema_file", { path: file }).then((read) => put(read.text, read.schema_type), (error: unknown) => toast.failed(`${file} was not read`, error));
  });
  const read = (file: File | undefined) => {
    if (!file) return;
    if (file.size > FILE_BYTES_MAX) {
      toast.failed(`${file.name} was not read`, new Error(`It has ${number(file.size)} bytes: ${number(FILE_BYTES_MAX)} are allowed.`));
      return;
    }
    file.text().then((next) => put(next, file.name.endsWith(".avsc") ? "avro" : file.name.endsWith(".proto") ? "protobuf" : null), (error: unknown) => toast.failed(`${file.name} was not read`, error));
  };
  const missing = name.trim() === "" ? "a name" : text.trim() === "" ? "a schema" : null;
  const title = subject ? `Check a schema for ${name}` : "New subject";
  const footer = (
    <>
      <Button onClick={onClose}>Cancel</Button>
      <Button kind={check.data?.compatible ? "plain" : "primary"} disabled={missing !== null || check.isPending} title={missing === null ? undefined : `Still needed: ${missing}`} onClick={() => check.mutate({ cluster, subject: name.trim(), schema, all })} testId="schema-check">{check.isPending ? "Asking the registry…" : "Check"}</Button>
      <Button kind={check.data?.compatible ? "primary" : "plain"} disabled={missing !== null || readOnly || !check.data || check.data.registered !== null} title={readOnly ? `${cluster} is read-only` : check.data ? undefined : "Check it first"} onClick={() => setRegistering(true)} testId="schema-register">Register…</Button>
    </>
  );
  return (
    <>
      <Dialog open onClose={onClose} cluster={cluster} width={860} title={title} about="Paste it, choose its file, or drop that onto the window. Nothing is registered by checking." footer={footer} testId="schema-check-dialog">
        <div className={styles["sheet"]}>
          {!subject && <TextInput label="Subject" mono placeholder="orders-value" value={name} onChange={(next) => { check.reset(); setName(next); }} testId="subject-name" />}
          <textarea aria-label="Schema" className={cx(controls["input"], "mono")} placeholder={'{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}'} value={text} spellCheck={false} onChange={(event) => put(event.target.value)} data-testid="schema-new-text" />
          <div className={styles["line"]}>
            <Select label="Language" value={kind} choices={[{ value: "auto", label: subject ? "as the latest version" : "found out from the text" }, { value: "avro", label: TYPES.avro }, { value: "protobuf", label: TYPES.protobuf }, { value: "json", label: TYPES.json }]} onChange={(next) => { check.reset(); setKind(next); }} testId="schema-kind" />
            {subject && <Select label="Against" prefix="Against" value={all ? "all" : "latest"} choices={[{ value: "latest", label: "the latest version" }, { value: "all", label: `all ${subject.versions.length} versions` }]} onChange={(next) => { check.reset(); setAll(next === "all"); }} testId="check-against" />}
            <input type="file" accept=".avsc,.proto,.json,.txt" aria-label="A file of a schema" onChange={(event) => read(event.target.files?.[0])} data-testid="schema-file" />
          </div>
          {check.error && <ErrorNote error={check.error} testId="check-error" />}
          {check.data && <Verdict check={check.data} />}
        </div>
      </Dialog>
      {registering && (
        <ChangeDialog
          cluster={cluster}
          change={{ kind: "register", subject: name.trim(), schema }}
          action="Register it"
          onClose={() => setRegistering(false)}
          onDone={() => {
            onClose();
            navigate(path("schemas", cluster, name.trim()));
          }}
        />
      )}
    </>
  );
}

function Verdict({ check }: { check: SchemaCheck }) {
  return (
    <div className={styles["sheet"]} data-testid="verdict" data-compatible={check.compatible}>
      <div className={styles["line"]}>
        <Badge tone={check.compatible ? "ok" : "error"}>{check.compatible ? "COMPATIBLE" : "NOT COMPATIBLE"}</Badge>
        <span>{check.versions.length === 0 ? "" : `under ${levelText(check)}`}</span>
        {check.registered !== null && <span className="mute" data-testid="already">{`It is version ${check.registered} already.`}</span>}
      </div>
      {check.notes.map((note) => <p key={note} className="warn">{`${note.charAt(0).toUpperCase()}${note.slice(1)}.`}</p>)}
      <div className={styles["verdicts"]}>
        {check.versions.map((it) => (
          <div key={it.version} className={styles["verdict"]} data-testid={`verdict-${it.version}`} data-compatible={it.compatible}>
            <span className={it.compatible ? "mute" : "bad"}>{`${it.compatible ? "✓" : "✕"} version ${it.version}`}</span>
            {it.compatible ? <span className="mute">compatible</span> : it.reasons.length === 0 ? <span>The registry gives no reason.</span> : <ul className={styles["reasons"]} data-selectable="">{it.reasons.map((reason) => <li key={reason}>{reason}</li>)}</ul>}
          </div>
        ))}
      </div>
      {check.difference && check.difference.added + check.difference.removed > 0 && (
        <div className={styles["inner"]}>
          <Fields difference={check.difference} />
          <SideBySide rows={check.difference.rows} all={false} label="The latest version and this schema" />
        </div>
      )}
    </div>
  );
}
