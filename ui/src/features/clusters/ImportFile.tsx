/** A file of another client dropped onto the window: what it would become, and one confirm. */

import { useState } from "react";
import type { ImportOutcome } from "@/bindings";
import { useAction, useCall, useDroppedFiles } from "@/platform";
import { Badge, Button, TextInput, type Tone } from "@/shared/controls";
import { ErrorNote, Heading, Loading } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { navigate, path } from "@/shared/router";
import styles from "./clusters.module.css";

const OUTCOMES: Record<ImportOutcome, readonly [string, Tone]> = {
  kept: ["KEPT", "ok"],
  converted: ["CONVERTED", "ok"],
  secret: ["SECRET", "information"],
  left_out: ["LEFT OUT", "neutral"],
  to_do: ["TO DO", "warning"],
};

/** Listens for files while its screen is shown, and asks for a path where nothing can be dropped. */
export function useImport() {
  const [file, setFile] = useState<string | null>(null);
  useDroppedFiles((files) => setFile(files[0] ?? null));
  return { open: () => setFile(""), dialog: file === null ? null : <ImportFile key={file} file={file} onClose={() => setFile(null)} /> };
}

export function ImportFile({ file, onClose }: { file: string; onClose: () => void }) {
  const [typed, setTyped] = useState(file);
  const [chosen, setChosen] = useState(file);
  const [name, setName] = useState<string | null>(null);
  const [bootstrap, setBootstrap] = useState("");
  const request = { path: chosen, ...(name !== null && { name }), ...(bootstrap.trim() !== "" && { bootstrap }) };
  const preview = useCall("import_preview", request, { enabled: chosen !== "", keep: true });
  const run = useAction("import_run", ["cluster_list", "workspace_show"]);
  const found = preview.data;
  const submit = () =>
    run.mutate(request, {
      onSuccess: (done) => {
        toast.done(`${done.file} was written`, done.commands.length + done.missing_secrets.length > 0 ? "Something is left to do by hand: see the commands of the import." : undefined);
        navigate(path("clusters", done.name));
        onClose();
      },
    });
  const ready = found !== undefined && !preview.error && found.problem === null;
  return (
    <Dialog
      open
      onClose={onClose}
      title="Import a cluster"
      about="A Java client.properties or a kcat.conf. Passwords go to the secret store, never into the file."
      width={760}
      footer={<><Button onClick={onClose}>Cancel</Button><Button kind="primary" disabled={!ready || run.isPending} onClick={submit} testId="import-action">{found ? `Write ${found.file}` : "Import"}</Button></>}
      testId="import-dialog"
    >
      <div className={styles["sheet"]}>
        <div className={styles["line"]}>
          <label className={styles["label"]}>File<TextInput label="File" mono value={typed} placeholder="/home/me/client.properties" onChange={setTyped} onKeyDown={(event) => event.key === "Enter" && setChosen(typed.trim())} testId="import-path" /></label>
          <Button disabled={typed.trim() === "" || typed.trim() === chosen} onClick={() => setChosen(typed.trim())} testId="import-look">Look</Button>
        </div>
        {preview.error && <ErrorNote error={preview.error} testId="import-error" />}
        {run.error && <ErrorNote error={run.error} testId="import-error" />}
        {chosen !== "" && preview.isPending && <Loading label="Reading the file" />}
        {found && !preview.error && (
          <>
            <div className={styles["line"]} style={{ gridTemplateColumns: "1fr 1fr" }}>
              <label className={styles["label"]}>Name<TextInput label="Name" value={name ?? found.name} onChange={setName} testId="import-name" /></label>
              <label className={styles["label"]}>Bootstrap servers<TextInput label="Bootstrap servers" mono value={bootstrap} placeholder="as the file says" onChange={setBootstrap} testId="import-bootstrap" /></label>
            </div>
            {found.problem !== null && <div role="alert" className="warn" data-testid="import-problem">{found.problem}</div>}
            <Lines lines={found.lines} />
            <Commands commands={[...found.commands, ...found.missing_secrets.map((secret) => `tailrace secret set ${secret}`)]} />
            <section>
              <Heading>{found.file}</Heading>
              <pre className={`${styles["text"] ?? ""} mono`} data-selectable="" data-testid="import-toml">{found.toml}</pre>
            </section>
          </>
        )}
      </div>
    </Dialog>
  );
}

function Lines({ lines }: { lines: readonly { line: number; key: string; outcome: ImportOutcome; detail: string }[] }) {
  return (
    <div className={styles["lines"]} data-testid="import-lines">
      {lines.map(({ line, key, outcome, detail }) => {
        const [word, tone] = OUTCOMES[outcome];
        return [<span key={`${line}l`} className="mono mute">{line}</span>, <span key={`${line}o`}><Badge tone={tone}>{word}</Badge></span>, <span key={`${line}k`} className="mono">{key}</span>, <span key={`${line}d`} className="mute">{detail}</span>];
      })}
    </div>
  );
}

function Commands({ commands }: { commands: readonly string[] }) {
  if (commands.length === 0) return null;
  return (
    <section>
      <Heading>To be run by hand</Heading>
      <pre className={`${styles["text"] ?? ""} mono`} data-selectable="" data-testid="import-commands">{commands.join("\n")}</pre>
    </section>
  );
}

