/** Adding and editing a cluster: the usual logins as fields, every other property by its own name. */

import { useState } from "react";
import { useAction } from "@/platform";
import { Button, Select, Switch, TextInput } from "@/shared/controls";
import { check, Form } from "@/shared/Form";
import { ErrorNote, Heading } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { navigate, path } from "@/shared/router";
import styles from "./clusters.module.css";
import { asksForTls, empty, fieldsOf, requestOf, SECURITIES, type Draft } from "./form";
import { Steps } from "./Steps";

/** `of` absent: a new cluster. */
export function ClusterForm({ of, onClose }: { of?: Draft; onClose: () => void }) {
  const [draft, setDraft] = useState<Draft>(of ?? empty());
  const test = useAction("cluster_try");
  const save = useAction("cluster_save", ["cluster_list", "cluster_definition", "cluster_show", "workspace_show"]);
  const create = of === undefined;
  const change = (part: Partial<Draft>) => {
    test.reset();
    save.reset();
    setDraft((now) => ({ ...now, ...part }));
  };
  const fields = fieldsOf(draft);
  const missing = [draft.name.trim() === "" && "a name", draft.servers.trim() === "" && "bootstrap servers", ...Object.values(check(fields, draft.values))].filter(Boolean);
  const request = () => requestOf(draft, create);
  const submit = () =>
    save.mutate(request(), {
      onSuccess: (saved) => {
        toast.done(create ? `${saved.name} was added` : `${saved.name} was saved`);
        navigate(path("clusters", saved.name));
        onClose();
      },
    });
  const footer = (
    <>
      <Button disabled={missing.length > 0 || test.isPending} onClick={() => test.mutate(request())} testId="cluster-try">{test.isPending ? "Testing…" : "Test"}</Button>
      <Button onClick={onClose}>Cancel</Button>
      <Button kind="primary" disabled={missing.length > 0 || save.isPending} title={missing.length > 0 ? `Still needed: ${missing.join(", ")}` : undefined} onClick={submit} testId="cluster-save">{create ? "Add the cluster" : "Save"}</Button>
    </>
  );
  return (
    <Dialog open onClose={onClose} title={create ? "Add a cluster" : `Edit ${draft.name}`} about={create ? "It becomes clusters/NAME.toml in this workspace." : `clusters/${draft.name}.toml keeps its comments.`} width={640} footer={footer} testId="cluster-form">
      <div className={styles["sheet"]}>
        {test.error && <ErrorNote error={test.error} />}
        {test.data && <Steps brief test={test.data} />}
        {save.error && <ErrorNote error={save.error} testId="cluster-save-error" />}
        <div className={styles["line"]}>
          <label className={styles["label"]}>Name<TextInput label="Name" value={draft.name} disabled={!create} placeholder="prod" onChange={(name) => change({ name })} testId="cluster-name" /></label>
          <label className={styles["label"]}>Colour<input type="color" className={styles["color"]} aria-label="Colour" value={draft.color} data-testid="cluster-color" onChange={(event) => change({ color: event.target.value })} /></label>
        </div>
        <Switch label="Read only: nothing here can change the cluster" checked={draft.readOnly} onChange={(readOnly) => change({ readOnly })} testId="cluster-read-only" />
        <label className={styles["label"]}>Bootstrap servers<TextInput label="Bootstrap servers" mono value={draft.servers} placeholder="broker-1:9092, broker-2:9092" onChange={(servers) => change({ servers })} testId="cluster-servers" /></label>
        <div className={styles["line"]}>
          <div className={styles["label"]}>Security<Select label="Security" value={draft.security} choices={SECURITIES} onChange={(security) => change({ security })} testId="cluster-security" /></div>
          {asksForTls(draft.security) && <Switch label="Encrypted (TLS)" checked={draft.encrypted} onChange={(encrypted) => change({ encrypted })} testId="cluster-encrypted" />}
        </div>
        {fields.length > 0 && <Form fields={fields} values={draft.values} onChange={(values) => change({ values })} testId="cluster-field" />}
        <More more={draft.more} onChange={(more) => change({ more })} />
      </div>
    </Dialog>
  );
}

/** Any other property of librdkafka's. */
function More({ more, onChange }: { more: Draft["more"]; onChange: (more: Draft["more"]) => void }) {
  const put = (at: number, pair: readonly [string, string]) => onChange(more.map((old, index) => (index === at ? pair : old)));
  return (
    <section>
      <Heading>Other properties</Heading>
      {more.map(([name, value], index) => (
        <div key={index} className={styles["more"]}>
          <TextInput label={`Property ${index + 1}`} mono value={name} placeholder="client.id" onChange={(next) => put(index, [next, value])} testId={`more-name-${index}`} />
          <TextInput label={`Value of ${name || `property ${index + 1}`}`} mono value={value} onChange={(next) => put(index, [name, next])} testId={`more-value-${index}`} />
          <Button kind="quiet" icon aria-label={`Remove ${name || "the property"}`} onClick={() => onChange(more.filter((_, at) => at !== index))}>×</Button>
        </div>
      ))}
      <Button kind="quiet" onClick={() => onChange([...more, ["", ""]])} testId="more-add">+ property</Button>
    </section>
  );
}
