/** The frame around every screen: top bar, rail, status line; and what listens for the whole window. */

import { Suspense, useEffect, useMemo, useState } from "react";
import { useCall } from "@/platform";
import { Button } from "@/shared/controls";
import { zone } from "@/shared/format";
import { EmptyState, Loading } from "@/shared/layout";
import { Toasts } from "@/shared/overlay";
import { Link, navigate, path, useRoute } from "@/shared/router";
import { chooseCluster, tellClusters, useCluster } from "@/shared/session";
import { focusSearch, register, useShortcutListener } from "@/shared/shortcuts";
import { StatusSlotsContext, type StatusSlots } from "@/shared/Status";
import { useThemeUpkeep } from "@/shared/theme";
import { CannotOpen } from "./CannotOpen";
import { ErrorBoundary } from "./ErrorBoundary";
import { Help } from "./Help";
import { Palette } from "./Palette";
import { HOME, SCREENS, type ScreenEntry } from "./routes";
import styles from "./shell.module.css";
import { TopBar } from "./TopBar";

/** The rail's numbers are asked for this often. */
const COUNTS_EVERY_MS = 2000;
const GROUPS = ["Observe", "People", "Deliver", "Work"] as const;

export function Shell() {
  useThemeUpkeep();
  useShortcutListener();
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const [left, setLeft] = useState<HTMLElement | null>(null);
  const [right, setRight] = useState<HTMLElement | null>(null);
  const slots = useMemo<StatusSlots>(() => ({ left, right }), [left, right]);

  useEffect(
    () =>
      register([
        { keys: "Ctrl K", label: "Search or run anything", group: "Window", run: () => setPalette(true) },
        { keys: "/", label: "Search this screen", group: "Window", run: focusSearch },
        { keys: "?", label: "Show all keys", group: "Window", run: () => setHelp(true) },
        ...SCREENS.map((screen) => ({ keys: `g ${screen.key}`, label: `Go to ${screen.title}`, group: "Go", run: () => navigate(path(screen.id)) })),
      ]),
    [],
  );

  const workspace = useCall("workspace_show", {});
  if (workspace.error) return <CannotOpen error={workspace.error} />;
  return (
    <StatusSlotsContext value={slots}>
      <div className={styles["window"]} data-testid="shell">
        <TopBar onSearch={() => setPalette(true)} />
        <Rail />
        <main className={styles["main"]}><Main /></main>
        <footer className={styles["foot"]}>
          <div ref={setLeft} className={styles["slot"]} data-testid="status-left" />
          <div ref={setRight} className={styles["slot"]} data-testid="status-right" />
          <div className={styles["slot"]}><span>{zone()}</span></div>
        </footer>
      </div>
      <Palette open={palette} onClose={() => setPalette(false)} onHelp={() => setHelp(true)} />
      <Help open={help} onClose={() => setHelp(false)} />
      <Toasts />
    </StatusSlotsContext>
  );
}

function useCounts() {
  return useCall("counts_show", { cluster: useCluster() || null }, { everyMs: COUNTS_EVERY_MS, keep: true }).data;
}

function Rail() {
  const counts = useCounts();
  const current = useRoute().segments[0] ?? HOME;
  return (
    <nav className={styles["rail"]} aria-label="Screens">
      {GROUPS.map((group) => (
        <section key={group}>
          <h2>{group}</h2>
          {SCREENS.filter((screen) => screen.group === group).map((screen) => {
            const count = counts && screen.count(counts);
            return (
              <Link key={screen.id} to={path(screen.id)} data-testid={`rail-${screen.id}`} aria-current={screen.id === current ? "page" : undefined}>
                {screen.title}
                {count && <b data-bad={count.bad ? "" : undefined}>{count.text}</b>}
              </Link>
            );
          })}
        </section>
      ))}
    </nav>
  );
}

function Main() {
  const id = useRoute().segments[0] ?? HOME;
  const workspace = useCall("workspace_show", {});
  useDefaultCluster();
  const screen = SCREENS.find((entry) => entry.id === id);
  if (!workspace.data) return <Loading label="Opening the workspace" />;
  if (!screen) {
    return (
      <EmptyState title="There is no such screen" actions={<Button onClick={() => navigate(path(HOME))}>Go to Topics</Button>} testId="no-screen">
        {`The address ${window.location.hash} leads nowhere. It may come from another version of Tailrace.`}
      </EmptyState>
    );
  }
  return <Current key={`${workspace.data.path} ${screen.id}`} screen={screen} />;
}

function Current({ screen }: { screen: ScreenEntry }) {
  const Component = screen.component;
  return (
    <ErrorBoundary>
      <Suspense fallback={null}>
        <Component />
      </Suspense>
    </ErrorBoundary>
  );
}

/** Keeps the chosen cluster one that exists. */
function useDefaultCluster(): void {
  const cluster = useCluster();
  const clusters = useCall("cluster_list", {}, { topic: "definitions" }).data;
  useEffect(() => {
    if (clusters) tellClusters(clusters);
  }, [clusters]);
  useEffect(() => {
    const first = clusters?.[0];
    if (first && !clusters.some(({ name }) => name === cluster)) chooseCluster(first.name);
  }, [cluster, clusters]);
}
