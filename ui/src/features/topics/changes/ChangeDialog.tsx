/**
 * One change of a topic: what it needs, then exactly what it will do, then done when asked once. What is done is the
 * change that the preview gave back, so that nothing is done that was not shown.
 */

import { useEffect, useRef, useState, type ReactNode } from "react";
import type { TopicChange, TopicChangePreview } from "@/bindings";
import { useAction } from "@/platform";
import { ChangeLines } from "@/shared/ChangeLines";
import { Button } from "@/shared/controls";
import { groupedCounts } from "@/shared/format";
import { ErrorNote, Loading } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";

const STALE = ["topic_list", "topic_show", "topic_config", "topic_compare"] as const;

export interface ChangeDialogProps {
  cluster: string;
  title: string;
  /** Asks for what the change needs; absent: it needs nothing, and is shown at once. */
  form?: ReactNode;
  /** Null while something is missing. */
  change: TopicChange | null;
  /** The verb on the last button: `Delete topic`. */
  action: string;
  onClose: () => void;
  onDone?: (change: TopicChange) => void;
}

export function ChangeDialog({ cluster, title, form, change, action, onClose, onDone }: ChangeDialogProps) {
  const preview = useAction("topic_change_preview");
  const apply = useAction("topic_change_apply", STALE);
  const [shown, setShown] = useState<TopicChangePreview | null>(null);
  const show = () => change && preview.mutate({ cluster, change }, { onSuccess: setShown });
  // Without anything to ask for the preview is the first thing seen.
  const first = useRef(form === undefined ? show : null);
  useEffect(() => {
    first.current?.();
    first.current = null;
  }, []);
  const run = () =>
    shown && apply.mutate({ cluster, change: shown.change }, {
      onSuccess: ({ done }) => {
        toast.done(done);
        onDone?.(shown.change);
        onClose();
      },
    });
  const error = apply.error ?? preview.error;
  const footer = (
    <>
      {shown && form !== undefined && <Button disabled={apply.isPending} onClick={() => { setShown(null); apply.reset(); }} testId="change-back">Back</Button>}
      <Button onClick={onClose}>Cancel</Button>
      {shown === null && form !== undefined ? (
        <Button kind="primary" disabled={change === null || preview.isPending} onClick={show} testId="change-preview">{preview.isPending ? "Asking the cluster…" : "Preview…"}</Button>
      ) : (
        <Button kind={shown?.destructive ? "danger" : "primary"} disabled={shown === null || shown.nothing || apply.isPending} onClick={run} testId="change-apply">{shown?.nothing ? "Nothing to change" : apply.isPending ? "Working…" : action}</Button>
      )}
    </>
  );
  return (
    <Dialog open onClose={onClose} cluster={cluster} width={620} title={shown?.title ? groupedCounts(shown.title) : title} footer={footer} testId="change">
      {shown === null ? (form ?? (preview.isPending ? <Loading label="Asking the cluster" /> : null)) : <ChangeLines {...shown} />}
      {error && <div style={{ marginTop: 12 }}><ErrorNote error={error} testId="change-error" /></div>}
    </Dialog>
  );
}
