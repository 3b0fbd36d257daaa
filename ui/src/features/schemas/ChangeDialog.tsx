/** A change of the registry: what it does exactly, then done when asked once, as it was shown. */

import { useEffect, useRef, useState } from "react";
import type { SchemaChange, SchemaChangePreview } from "@/bindings";
import { useAction } from "@/platform";
import { ChangeLines } from "@/shared/ChangeLines";
import { Button } from "@/shared/controls";
import { ErrorNote, Loading } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { STALE } from "./model";

interface ChangeDialogProps {
  cluster: string;
  change: SchemaChange;
  /** The verb on the last button. */
  action: string;
  onClose: () => void;
  onDone?: () => void;
}

export function ChangeDialog({ cluster, change, action, onClose, onDone }: ChangeDialogProps) {
  const preview = useAction("schema_change_preview");
  const apply = useAction("schema_change_apply", STALE);
  const [shown, setShown] = useState<SchemaChangePreview | null>(null);
  const first = useRef<(() => void) | null>(() => preview.mutate({ cluster, change }, { onSuccess: setShown }));
  useEffect(() => {
    first.current?.();
    first.current = null;
  }, []);
  const run = () =>
    shown && apply.mutate({ cluster, change: shown.change }, {
      onSuccess: ({ done }) => {
        toast.done(done);
        onClose();
        onDone?.();
      },
    });
  const error = apply.error ?? preview.error;
  const footer = (
    <>
      <Button onClick={onClose}>Cancel</Button>
      <Button kind={shown?.destructive ? "danger" : "primary"} disabled={shown === null || shown.nothing || apply.isPending} onClick={run} testId="schema-change-apply">
        {shown?.nothing ? "Nothing to change" : apply.isPending ? "Working…" : action}
      </Button>
    </>
  );
  return (
    <Dialog open onClose={onClose} cluster={cluster} width={620} title={shown?.title ?? action} footer={footer} testId="schema-change">
      {shown === null ? preview.isPending && <Loading label="Asking the registry" /> : <ChangeLines {...shown} />}
      {error && <div style={{ marginTop: 12 }}><ErrorNote error={error} testId="schema-change-error" /></div>}
    </Dialog>
  );
}
