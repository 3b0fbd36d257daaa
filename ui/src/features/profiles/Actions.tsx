/** What a person may ask for: to be told everything, to be left alone, to be deleted. Shown first, asked once. */

import { useState } from "react";
import type { PersonPreview, ProfileSummary } from "@/bindings";
import { useAction, useCall } from "@/platform";
import { ChangeLines } from "@/shared/ChangeLines";
import { Button, Switch, TextInput } from "@/shared/controls";
import { bytes, count } from "@/shared/format";
import { ErrorNote, Loading } from "@/shared/layout";
import { Confirm, Dialog, toast } from "@/shared/overlay";
import { Popover } from "@/shared/Popover";
import { STALE } from "./Identity";
import styles from "./profiles.module.css";

const ACTIONS = [
  { id: "export", title: "Export…" },
  { id: "suppress", title: "Suppress…" },
  { id: "delete", title: "Delete…", danger: true },
] as const;
type Action = (typeof ACTIONS)[number]["id"];

export function Actions({ profile, onGone }: { profile: ProfileSummary; onGone: () => void }) {
  const [open, setOpen] = useState(false);
  const [action, setAction] = useState<Action | null>(null);
  const of = { profile, onClose: () => setAction(null) };
  return (
    <>
      <Popover label="This person's rights" text="Person" open={open} onOpenChange={setOpen} width={180} testId="profile-actions">
        <div className={styles["list"]}>
          {ACTIONS.map((each) => (
            <button key={each.id} type="button" className={styles["entry"]} onClick={() => { setOpen(false); setAction(each.id); }} data-testid={`profile-${each.id}`}>
              <span className={"danger" in each ? "bad" : undefined}>{each.title}</span>
            </button>
          ))}
        </div>
      </Popover>
      {action === "export" && <ExportDialog {...of} />}
      {action === "suppress" && <SuppressDialog {...of} />}
      {action === "delete" && <DeleteDialog {...of} onGone={onGone} />}
    </>
  );
}

interface About {
  profile: ProfileSummary;
  onClose: () => void;
}

function Preview({ data, error, destructive }: { data: PersonPreview | undefined; error: unknown; destructive: boolean }) {
  if (error != null) return <ErrorNote error={error} />;
  if (!data) return <Loading label="Looking at what is kept" />;
  return <ChangeLines lines={data.lines} warnings={data.warnings} destructive={destructive} />;
}

function DeleteDialog({ profile, onClose, onGone }: About & { onGone: () => void }) {
  const [suppress, setSuppress] = useState(false);
  const request = { profile_id: profile.profile_id, suppress };
  const preview = useCall("profile_delete_preview", request, { keep: true });
  const remove = useAction("profile_delete", STALE);
  const run = async () => {
    toast.done((await remove.mutateAsync(request)).done);
    onGone();
  };
  return (
    <Confirm open danger onClose={onClose} title={`Delete ${profile.name}`} action="Delete this person" onConfirm={run} testId="delete-person">
      <Preview data={preview.data} error={preview.error} destructive />
      <div className={styles["choice"]}><Switch label="Drop what arrives of this person from now on" checked={suppress} onChange={setSuppress} testId="delete-suppress" /></div>
    </Confirm>
  );
}

function SuppressDialog({ profile, onClose }: About) {
  const request = { profile_id: profile.profile_id, identifiers: [], end: false };
  const preview = useCall("profile_suppress_preview", request);
  const suppress = useAction("profile_suppress", ["suppression_list", "profile_suppress_preview"]);
  const run = async () => toast.done((await suppress.mutateAsync(request)).done);
  return (
    <Confirm open danger onClose={onClose} title={`Suppress ${profile.name}`} action="Drop their events" onConfirm={run} testId="suppress-person">
      <Preview data={preview.data} error={preview.error} destructive={false} />
    </Confirm>
  );
}

function ExportDialog({ profile, onClose }: About) {
  const [file, setFile] = useState(`profile-${profile.profile_id}.json`);
  const write = useAction("profile_export");
  const run = () => write.mutate({ profile_id: profile.profile_id, path: file }, { onSuccess: (done) => { toast.done(`${count(done.rows, "event")} written`, `${done.path} (${bytes(done.bytes)})`); onClose(); } });
  const footer = (
    <>
      <Button onClick={onClose}>Cancel</Button>
      <Button kind="primary" disabled={file.trim() === "" || write.isPending} onClick={run} testId="export-person-action">{write.isPending ? "Writing…" : "Write"}</Button>
    </>
  );
  return (
    <Dialog open onClose={onClose} title={`Export ${profile.name}`} about="Identifiers, traits with their history, audiences, merges and every event, as one JSON document." footer={footer} testId="export-person">
      <TextInput label="File" value={file} onChange={setFile} mono />
      {write.error && <ErrorNote error={write.error} />}
    </Dialog>
  );
}
