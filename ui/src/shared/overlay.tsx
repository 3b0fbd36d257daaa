/** What lies over the screen: dialogs that ask once, and notices that pass. */

import { Dialog as BaseDialog } from "@base-ui/react/dialog";
import { Toast } from "@base-ui/react/toast";
import { useRef, useState, type CSSProperties, type ReactNode } from "react";
import { ClusterTag } from "./ClusterTag";
import { Button } from "./controls";
import { told, toAppError } from "./errors";
import { ErrorNote } from "./layout";
import styles from "./overlay.module.css";
import { useClusterLook } from "./session";

export interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  about?: ReactNode;
  footer?: ReactNode;
  width?: number;
  /** The cluster that it is about: shown with its colour. */
  cluster?: string | undefined;
  children?: ReactNode;
  testId?: string;
}

export function Dialog({ open, onClose, title, about, footer, width = 520, cluster, children, testId = "dialog" }: DialogProps) {
  const look = useClusterLook(cluster ?? "");
  const body = useRef<HTMLDivElement>(null);
  // What is asked for is typed at once; a dialog that asks for nothing keeps to what is usual.
  const asked = () => body.current?.querySelector<HTMLElement>("input, textarea") ?? true;
  return (
    <BaseDialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <BaseDialog.Portal>
        <BaseDialog.Backdrop className={styles["veil"]} />
        <BaseDialog.Popup className={styles["dialog"]} initialFocus={asked} style={{ "--dialog-width": `${width}px`, ...(look && { "--cluster": look.color }) } as CSSProperties} data-cluster={cluster} data-testid={testId}>
          <div className={styles["head"]}>
            <BaseDialog.Title className={styles["title"]}>{title}</BaseDialog.Title>
            {cluster !== undefined && <ClusterTag cluster={cluster} readOnly />}
            <BaseDialog.Close className={styles["close"]} aria-label="Close" data-testid={`${testId}-close`}>×</BaseDialog.Close>
          </div>
          {about !== undefined && <BaseDialog.Description className={styles["about"]}>{about}</BaseDialog.Description>}
          <div ref={body} className={styles["body"]}>{children}</div>
          {footer !== undefined && <div className={styles["foot"]}>{footer}</div>}
        </BaseDialog.Popup>
      </BaseDialog.Portal>
    </BaseDialog.Root>
  );
}

export interface ConfirmProps {
  open: boolean;
  onClose: () => void;
  title: string;
  /** Exactly what will change. */
  children: ReactNode;
  /** The verb on the button: `Reset 6 offsets`. */
  action: string;
  danger?: boolean;
  /** The cluster that is changed. */
  cluster?: string | undefined;
  onConfirm: () => Promise<unknown>;
  testId?: string;
}

/** Shows what will change, asks once, stays open with the error when it fails. */
export function Confirm({ open, onClose, title, children, action, danger = false, cluster, onConfirm, testId = "confirm" }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async () => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      onClose();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  const footer = (
    <>
      <Button onClick={onClose}>Cancel</Button>
      <Button kind={danger ? "danger" : "primary"} disabled={busy} onClick={() => void run()} testId={`${testId}-action`}>{action}</Button>
    </>
  );
  return (
    <Dialog open={open} onClose={onClose} title={title} footer={footer} cluster={cluster} testId={testId}>
      {children}
      {error !== null && <ErrorNote error={error} />}
    </Dialog>
  );
}

const manager = Toast.createToastManager();

/** Tells what was done. A notice of success passes by itself; a failure stays until it is closed. */
export const toast = {
  done(title: string, description?: string): void {
    manager.add({ title, description, type: "done", timeout: 5000 });
  },
  failed(title: string, error: unknown): void {
    manager.add({ title, description: told(toAppError(error)), type: "error", priority: "high", timeout: 0 });
  },
};

/** Mounted once, by the shell. */
export function Toasts() {
  return (
    <Toast.Provider toastManager={manager} limit={4}>
      <Toast.Portal>
        <Toast.Viewport className={styles["toasts"]}>
          <ToastList />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function ToastList() {
  return Toast.useToastManager().toasts.map((item) => (
    <Toast.Root key={item.id} toast={item} className={styles["toast"]} data-testid="toast">
      <Toast.Title className={styles["toastTitle"]} />
      <Toast.Close className={styles["close"]} aria-label="Close this notice">×</Toast.Close>
      <Toast.Description className={styles["toastText"]} />
    </Toast.Root>
  ));
}
