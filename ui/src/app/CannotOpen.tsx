/** The whole window, when there is no workspace to show: what is in the way, and the ways on. */

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, TextInput } from "@/shared/controls";
import { advice, toAppError, type AppError } from "@/shared/errors";
import { ErrorNote } from "@/shared/layout";
import styles from "./shell.module.css";
import { ThemeMenu } from "./TopBar";
import { useOpenWorkspace } from "./useOpenWorkspace";

const TITLES: Readonly<Record<string, string>> = {
  workspace_locked: "The workspace is in use",
  no_workspace: "There is no workspace here",
  workspace_closed: "The workspace is closed",
};

const WAYS: Readonly<Record<string, string>> = {
  workspace_locked: "Two windows at once would write the same state.",
  no_workspace: "A workspace is a folder of text files with tailrace.toml in it.",
  workspace_closed: "Open it again, or another one.",
};

/** The folder that the message is about: it is absolute, and the message goes on after it. */
export function folderIn({ message }: AppError): string | null {
  return /(?:^|workspace )(\/.+?|[A-Za-z]:\\.+?) (?:is already open|can't be opened|is no workspace)/.exec(message)?.[1] ?? null;
}

export function CannotOpen({ error: failure }: { error: unknown }) {
  const client = useQueryClient();
  const open = useOpenWorkspace();
  const first = toAppError(failure);
  const [latest, setLatest] = useState<AppError | null>(null);
  const [busy, setBusy] = useState(false);
  const error = latest ?? first;
  const blocked = first.path ?? folderIn(first);
  const [folder, setFolder] = useState(blocked ?? "");
  const run = (how: () => Promise<unknown>) => {
    setBusy(true);
    how()
      .then(() => setLatest(null), (why: unknown) => setLatest(toAppError(why)))
      .finally(() => setBusy(false));
  };
  // A workspace that failed to open stays so until it is opened again.
  const retry = () => run(() => (blocked === null ? client.resetQueries() : open(blocked)));
  return (
    <div className={styles["cannot"]} data-testid="workspace-error" data-code={error.code} role="alert">
      <header className={styles["cannotTop"]}><span className={styles["logo"]}>tail<i>race</i></span><ThemeMenu /></header>
      <main className={styles["cannotBody"]}>
        <h1>{TITLES[error.code] ?? "The workspace was not opened"}</h1>
        <ErrorNote error={error} testId="workspace-error-note" />
        <p className="mute">{WAYS[error.code] ?? advice(error)}</p>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (folder.trim() !== "") run(() => open(folder.trim()));
          }}
        >
          <TextInput label="Folder of a workspace" mono placeholder="/home/me/shop-workspace" value={folder} onChange={setFolder} testId="workspace-path" />
          <Button type="submit" disabled={busy || folder.trim() === ""} testId="workspace-open-action">Open this folder</Button>
          <Button kind="primary" disabled={busy} onClick={retry} testId="workspace-retry">{busy ? "Opening…" : "Try again"}</Button>
        </form>
      </main>
    </div>
  );
}
