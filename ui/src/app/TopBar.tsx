import { Menu } from "@base-ui/react/menu";
import { useState, type ReactNode } from "react";
import type { Error as AppError, WorkspaceSummary } from "@/bindings";
import { useCall } from "@/platform";
import { Badge, Button, Dot, KeyHint, TextInput } from "@/shared/controls";
import { count } from "@/shared/format";
import { ErrorNote } from "@/shared/layout";
import { Dialog, toast } from "@/shared/overlay";
import { navigate, parse, path } from "@/shared/router";
import { chooseCluster, useCluster } from "@/shared/session";
import { useShortcut } from "@/shared/shortcuts";
import { THEME_CHOICES, useThemeChoice } from "@/shared/theme";
import { HOME } from "./routes";
import styles from "./shell.module.css";
import { useOpenWorkspace } from "./useOpenWorkspace";

export function TopBar({ onSearch }: { onSearch: () => void }) {
  const workspace = useCall("workspace_show", {}, { topic: "definitions" }).data;
  const [problems, setProblems] = useState(false);
  return (
    <header className={styles["top"]}>
      <span className={styles["logo"]}>tail<i>race</i></span>
      {workspace && <WorkspaceMenu workspace={workspace} />}
      <ClusterMenu />
      {workspace && workspace.problems.length > 0 && (
        <button type="button" className={`${styles["chip"] ?? ""} ${styles["problems"] ?? ""}`} data-testid="problems" onClick={() => setProblems(true)}>
          {count(workspace.problems.length, "problem")}
        </button>
      )}
      <span className={styles["space"]} />
      <button type="button" className={`${styles["chip"] ?? ""} ${styles["ask"] ?? ""}`} data-testid="palette-open" onClick={onSearch}>
        Search or run anything <KeyHint keys="Ctrl K" />
      </button>
      <ThemeMenu />
      <Problems open={problems} problems={workspace?.problems ?? []} onClose={() => setProblems(false)} />
    </header>
  );
}

function Popup({ children, align = "start" }: { children: ReactNode; align?: "start" | "end" }) {
  return (
    <Menu.Portal>
      <Menu.Positioner sideOffset={4} align={align} style={{ zIndex: "var(--z-overlay)" }}>
        <Menu.Popup className={styles["menu"]}>{children}</Menu.Popup>
      </Menu.Positioner>
    </Menu.Portal>
  );
}

function Item({ onClick, testId, children }: { onClick: () => void; testId?: string; children: ReactNode }) {
  return <Menu.Item className={styles["menuItem"]} onClick={onClick} data-testid={testId}>{children}</Menu.Item>;
}

function WorkspaceMenu({ workspace }: { workspace: WorkspaceSummary }) {
  const [asking, setAsking] = useState(false);
  const open = useOpenWorkspace();
  const others = workspace.recent.filter((recent) => recent.path !== workspace.path);
  return (
    <>
      <Menu.Root modal={false}>
        <Menu.Trigger className={styles["chip"]} aria-label={`Workspace ${workspace.name}`} data-testid="workspace-menu"><span>{workspace.name}</span></Menu.Trigger>
        <Popup>
          <div className={styles["menuTitle"]}>Workspace</div>
          <div className={styles["menuItem"]}>{workspace.name}<small title={workspace.path}>{workspace.path}</small></div>
          {others.length > 0 && <div className={styles["separator"]} />}
          {others.map((recent) => (
            <Item key={recent.path} onClick={() => void open(recent.path).catch((failure: unknown) => toast.failed(`${recent.name} was not opened`, failure))}>
              {recent.name}<small title={recent.path}>{recent.path}</small>
            </Item>
          ))}
          <div className={styles["separator"]} />
          <Item onClick={() => setAsking(true)} testId="workspace-open">Open a folder…</Item>
        </Popup>
      </Menu.Root>
      {asking && <OpenDialog onClose={() => setAsking(false)} onOpen={open} />}
    </>
  );
}

function OpenDialog({ onClose, onOpen }: { onClose: () => void; onOpen: (path: string) => Promise<void> }) {
  const [folder, setFolder] = useState("");
  const [error, setError] = useState<unknown>(null);
  const submit = () => {
    setError(null);
    onOpen(folder).then(onClose, setError);
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title="Open a workspace"
      about="A workspace is a folder of text files with tailrace.toml in it."
      footer={<><Button onClick={onClose}>Cancel</Button><Button kind="primary" disabled={folder.trim() === ""} onClick={submit} testId="workspace-open-action">Open</Button></>}
      testId="workspace-dialog"
    >
      <TextInput label="Folder" placeholder="/home/me/shop-workspace" value={folder} onChange={setFolder} testId="workspace-path" onKeyDown={(event) => event.key === "Enter" && folder.trim() !== "" && submit()} />
      {error !== null && <div style={{ marginTop: 12 }}><ErrorNote error={error} /></div>}
    </Dialog>
  );
}

/** Another cluster keeps the screen; what belonged to the old one is left. */
export function switchCluster(name: string): void {
  chooseCluster(name);
  const [screen = HOME] = parse(window.location.hash).segments;
  if (screen === "topics" || screen === "groups" || screen === "schemas" || screen === "connect") navigate(path(screen));
}

function ClusterMenu() {
  const cluster = useCluster();
  const clusters = useCall("cluster_list", {}, { topic: "definitions" }).data ?? [];
  const current = clusters.find(({ name }) => name === cluster);
  if (!current) return null;
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger className={styles["chip"]} aria-label={`Cluster ${current.name}`} data-testid="cluster-menu">
        <Dot color={current.color} /><span>{current.name}</span>{current.read_only && <Badge tone="warning" testId="cluster-read-only">READ ONLY</Badge>}
      </Menu.Trigger>
      <Popup>
        <div className={styles["menuTitle"]}>Cluster</div>
        {clusters.map((each) => (
          <Item key={each.name} onClick={() => switchCluster(each.name)} testId={`cluster-${each.name}`}>
            <Dot color={each.color} />{each.name}{each.read_only && <Badge tone="warning">READ ONLY</Badge>}<small>{each.kind === "sandbox" ? "sandbox" : (each.bootstrap ?? "")}</small>
          </Item>
        ))}
      </Popup>
    </Menu.Root>
  );
}

const THEME_NAMES = { dark: "Dark", light: "Light", system: "As the desktop" } as const;

export function ThemeMenu() {
  const [choice, choose] = useThemeChoice();
  const next = () => choose(THEME_CHOICES[(THEME_CHOICES.indexOf(choice) + 1) % THEME_CHOICES.length] ?? "system");
  useShortcut("Ctrl J", "Next theme", "Window", next);
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger className={styles["chip"]} aria-label={`Theme: ${THEME_NAMES[choice]}`} data-testid="theme-menu">
        <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true"><circle cx="6" cy="6" r="5" fill="none" stroke="currentColor" strokeWidth="1.4" /><path d="M6 1a5 5 0 0 1 0 10z" fill="currentColor" /></svg>
      </Menu.Trigger>
      <Popup align="end">
        {THEME_CHOICES.map((each) => (
          <Item key={each} onClick={() => choose(each)} testId={`theme-${each}`}>{THEME_NAMES[each]}{each === choice && <small>✓</small>}</Item>
        ))}
      </Popup>
    </Menu.Root>
  );
}

function Problems({ open, problems, onClose }: { open: boolean; problems: readonly AppError[]; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Problems in this workspace" about="What a file defines is left out until it is mended; members and what was delivered stay as they are. The list follows the files." width={680} testId="problems-dialog">
      <div className={styles["problemList"]}>
        {problems.map((problem, index) => <ErrorNote key={index} error={problem} testId="problem" />)}
        {problems.length === 0 && <p className="mute">Nothing is wrong any more.</p>}
      </div>
    </Dialog>
  );
}
