/**
 * The dialog of a change: what it needs, then exactly what it will do, then done when asked once. What is done is the
 * change that the preview gave back, so that nothing is done that was not shown.
 *
 * Test ids: `<testId>`, `<testId>-preview`, `<testId>-back`, `<testId>-apply`, `<testId>-error`.
 */

import { useEffect, useRef, useState, type ReactNode } from "react";
import type { ChangeLine } from "@/bindings";
import { ChangeLines } from "./ChangeLines";
import { Button } from "./controls";
import { ErrorNote, Loading } from "./layout";
import { Dialog, toast } from "./overlay";

/** What a preview answers. */
export interface Plan<C> {
  title: string;
  lines: ChangeLine[];
  warnings: string[];
  /** Something is lost. */
  destructive: boolean;
  nothing: boolean;
  /** The change with everything resolved. */
  change: C;
}

/** A command that is asked for: as `useAction` gives it. */
interface Asked<Request, Response> {
  mutate: (request: Request, then: { onSuccess: (response: Response) => void }) => void;
  isPending: boolean;
  error: unknown;
  reset: () => void;
}

export interface PlannedChangeProps<C> {
  cluster: string;
  preview: Asked<{ cluster: string; change: C }, Plan<C>>;
  apply: Asked<{ cluster: string; change: C }, { done: string }>;
  /** Until there is a plan, which has a title of its own. */
  title: string;
  /** The plan's title as it is shown. */
  titled?: (title: string) => string;
  /** Asks for what the change needs; absent: it needs nothing, and is shown at once. */
  form?: ReactNode;
  /** Null while something is missing. */
  change: C | null;
  /** The verb on the last button: `Delete topic`. */
  action: string;
  /** Who is asked: `Asking the cluster`. */
  asking: string;
  onClose: () => void;
  onDone?: ((change: C) => void) | undefined;
  testId: string;
}

export function PlannedChange<C>({ cluster, preview, apply, title, titled, form, change, action, asking, onClose, onDone, testId }: PlannedChangeProps<C>) {
  const [shown, setShown] = useState<Plan<C> | null>(null);
  const show = () => change !== null && preview.mutate({ cluster, change }, { onSuccess: setShown });
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
      {shown && form !== undefined && <Button disabled={apply.isPending} onClick={() => { setShown(null); apply.reset(); }} testId={`${testId}-back`}>Back</Button>}
      <Button onClick={onClose}>Cancel</Button>
      {shown === null && form !== undefined ? (
        <Button kind="primary" disabled={change === null || preview.isPending} onClick={show} testId={`${testId}-preview`}>{preview.isPending ? `${asking}…` : "Preview…"}</Button>
      ) : (
        <Button kind={shown?.destructive ? "danger" : "primary"} disabled={shown === null || shown.nothing || apply.isPending} onClick={run} testId={`${testId}-apply`}>{shown?.nothing ? "Nothing to change" : apply.isPending ? "Working…" : action}</Button>
      )}
    </>
  );
  return (
    <Dialog open onClose={onClose} cluster={cluster} width={620} title={shown === null ? title : (titled?.(shown.title) ?? shown.title)} footer={footer} testId={testId}>
      {shown === null ? (form ?? (preview.isPending ? <Loading label={asking} /> : null)) : <ChangeLines {...shown} />}
      {error != null && <div style={{ marginTop: 12 }}><ErrorNote error={error} testId={`${testId}-error`} /></div>}
    </Dialog>
  );
}
