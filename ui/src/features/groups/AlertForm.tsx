/** An alert written in the window: tried before it is saved, and saved into its file, whose comments stay. */

import { useState } from "react";
import type { AlertPreview, AlertTested } from "@/bindings";
import { useAction } from "@/platform";
import { Badge, Button } from "@/shared/controls";
import { told } from "@/shared/errors";
import { check, Form } from "@/shared/Form";
import { count, duration, number } from "@/shared/format";
import { LagTime } from "@/shared/Lag";
import { LagBadge } from "@/shared/LagBadge";
import { ErrorNote } from "@/shared/layout";
import { Confirm, Dialog, toast } from "@/shared/overlay";
import { definitionOf, fieldsOf, type Draft } from "./alertForm";
import styles from "./groups.module.css";

/** Groups that the preview shows. */
const SHOWN_MAX = 40;

interface AlertFormProps {
  draft: Draft;
  /** A new one. */
  create: boolean;
  onClose: () => void;
}

export function AlertForm({ draft, create, onClose }: AlertFormProps) {
  const [values, setValues] = useState({ ...draft.values, name: draft.name });
  const [removing, setRemoving] = useState(false);
  const [tried, setTried] = useState(false);
  const preview = useAction("alert_preview");
  const test = useAction("alert_test");
  const save = useAction("alert_save", ["alert_list", "workspace_show"]);
  const remove = useAction("alert_delete", ["alert_list", "workspace_show"]);
  const name = values.name.trim();
  const fields = fieldsOf(values, create);
  const { definition, wrong } = definitionOf(values);
  const errors = { ...wrong, ...(tried ? check(fields, values) : {}) };
  const change = (next: typeof draft.values) => {
    preview.reset();
    test.reset();
    save.reset();
    setValues({ ...next, name: String(next["name"] ?? "") });
  };
  /** Runs only what can be run; what is missing is said by the fields. */
  const whole = (run: () => void) => () => {
    setTried(true);
    if (Object.keys({ ...wrong, ...check(fields, values) }).length === 0) run();
  };
  // A name is needed only for the file.
  const request = { name: name || "new", definition };
  const submit = whole(() =>
    save.mutate({ name, definition, create }, {
      onSuccess: () => {
        toast.done(create ? `alerts/${name}.toml was made` : `alerts/${name}.toml was saved`);
        onClose();
      },
    }),
  );
  const footer = (
    <>
      {!create && <Button kind="danger" onClick={() => setRemoving(true)} testId="alert-delete">Delete…</Button>}
      <span className={styles["sum"]} />
      <Button disabled={preview.isPending} onClick={whole(() => preview.mutate(request))} testId="alert-preview">{preview.isPending ? "Asking the clusters…" : "Would it fire now?"}</Button>
      {definition.webhook && <Button disabled={test.isPending} onClick={whole(() => test.mutate(request))} testId="alert-test">{test.isPending ? "Posting…" : "Test the webhook"}</Button>}
      <Button onClick={onClose}>Cancel</Button>
      <Button kind="primary" disabled={save.isPending} onClick={submit} testId="alert-save">{create ? "Make the alert" : "Save"}</Button>
    </>
  );
  const error = save.error ?? preview.error ?? test.error;
  return (
    <>
      <Dialog open onClose={onClose} title={create ? "New alert" : `Edit ${draft.name}`} {...(!create && { about: `alerts/${draft.name}.toml keeps its comments.` })} width={760} footer={footer} testId="alert-form">
        {error && <div style={{ marginBottom: 10 }}><ErrorNote error={error} testId="alert-error" /></div>}
        {test.data && <Tested tested={test.data} />}
        {preview.data && <Preview preview={preview.data} span={definition.for} />}
        <div className={styles["form"]}><Form fields={fields} values={values} onChange={change} errors={errors} testId="alert" /></div>
      </Dialog>
      <Confirm
        open={removing}
        onClose={() => setRemoving(false)}
        title={`Delete the alert ${draft.name}`}
        action="Delete the alert"
        danger
        onConfirm={async () => {
          await remove.mutateAsync({ name: draft.name });
          toast.done(`alerts/${draft.name}.toml was deleted`);
          onClose();
        }}
        testId="alert-delete-confirm"
      >
        <p>{`alerts/${draft.name}.toml goes, with its comments. A group that it fires for is told to be resolved; nobody is told of it any more.`}</p>
      </Confirm>
    </>
  );
}

function Tested({ tested }: { tested: AlertTested }) {
  return (
    <p className={tested.error === null ? styles["told"] : styles["refused"]} role="status" data-testid="alert-tested" data-ok={tested.error === null}>
      {tested.error === null ? `The webhook took a notice that is marked as a test, in ${duration(tested.took_ms)}.` : told(tested.error)}
    </p>
  );
}

const HOLDS = { true: ["HOLDS", "error"], false: ["QUIET", "neutral"], null: ["UNKNOWN", "warning"] } as const;

function Preview({ preview, span }: { preview: AlertPreview; span: string }) {
  const holding = preview.groups.filter(({ holds }) => holds === true).length;
  return (
    <section className={styles["preview"]} data-testid="alert-previewed" data-holding={holding}>
      <p><b>{holding === 0 ? `It would not fire: it holds for none of ${count(preview.groups.length, "group")}.` : `It holds for ${count(holding, "group")} of ${number(preview.groups.length)} now, and fires once that lasts ${span}.`}</b></p>
      {preview.missing.map((sentence) => <p key={sentence} className="warn">{sentence}</p>)}
      <div className={styles["previewed"]}>
        {preview.groups.slice(0, SHOWN_MAX).map((row) => {
          const [word, tone] = HOLDS[`${row.holds}`];
          return (
            <div key={`${row.cluster}/${row.group}`} data-testid="alert-group" data-holds={row.holds}>
              <Badge tone={tone}>{word}</Badge>
              <span>{row.group}<span className="faint"> · {row.cluster}</span></span>
              <LagBadge status={row.status} reason={row.reason} />
              <span className="mono">{number(row.lag)}</span>
              <span className="mono"><LagTime row={row} /></span>
            </div>
          );
        })}
      </div>
      {preview.groups.length > SHOWN_MAX && <p className="mute">{`${number(preview.groups.length - SHOWN_MAX)} more, of which none is shown.`}</p>}
    </section>
  );
}
