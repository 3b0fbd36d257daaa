import { useState } from "react";
import { useAction, useCall } from "@/platform";
import { Button, Select, TextInput } from "@/shared/controls";
import { count } from "@/shared/format";
import { ErrorNote, ErrorState, Loading } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { TextLines } from "@/shared/TextLines";

/** A tracking plan made from events that were collected: seen, named, saved. */
export function InferPlan({ sources, onClose }: { sources: readonly string[]; onClose: () => void }) {
  const [source, setSource] = useState("");
  const [name, setName] = useState("");
  const inferred = useCall("plan_infer", { source: source === "" ? null : source });
  const save = useAction("plan_save", ["plan_list"]);
  const { data } = inferred;
  const run = () => data && save.mutate({ name, text: data.text, create: true }, {
    onSuccess: ({ file }) => {
      toast.done(`${file} is written: a source keeps to it with plan = "${name}"`);
      onClose();
    },
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title="A tracking plan of what was observed"
      about="Types as they were seen, required where always there, a list of values where there are few. Everything is allowed until the plan says omit or block."
      width={820}
      testId="infer"
      footer={<>
        <Button onClick={onClose}>Close</Button>
        <Button kind="primary" disabled={!data || name.trim() === "" || save.isPending} onClick={run} testId="infer-save">Save tracking-plans/{name || "NAME"}.json</Button>
      </>}
    >
      <div style={{ display: "flex", gap: 8, marginBottom: 8 }}>
        <TextInput label="Name of the plan" value={name} onChange={setName} placeholder="name" mono testId="infer-name" />
        <Select label="Of" value={source} choices={[{ value: "", label: "all sources" }, ...sources.map((each) => ({ value: each, label: each }))]} onChange={setSource} testId="infer-source" />
        {data && <span className="mute" style={{ alignSelf: "center", whiteSpace: "nowrap" }}>{`${count(data.events, "event")} of ${count(Object.keys(data.definition.events).length, "name")}`}</span>}
      </div>
      {save.error && <ErrorNote error={save.error} testId="infer-error" />}
      {inferred.error ? <ErrorState error={inferred.error} onRetry={() => void inferred.refetch()} /> : data ? <div style={{ display: "flex", height: "min(420px, 45vh)" }}><TextLines text={data.text} label="The plan" /></div> : <Loading label="Looking through the events" />}
    </Dialog>
  );
}
