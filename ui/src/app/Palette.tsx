/** Search or run anything: screens, topics, groups, audiences, profiles' screen, actions. */

import { Dialog as BaseDialog } from "@base-ui/react/dialog";
import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { useCall } from "@/platform";
import { KeyHint } from "@/shared/controls";
import { compact } from "@/shared/format";
import { search, useAllPaletteEntries, type PaletteEntry } from "@/shared/palette";
import { navigate, path } from "@/shared/router";
import { useCluster } from "@/shared/session";
import { themeChoice } from "@/shared/theme";
import { sourceFrom } from "@/shared/sources";
import { SCREENS } from "./routes";
import styles from "./shell.module.css";
import { switchCluster } from "./TopBar";

const RESULTS_MAX = 60;

export function Palette({ open, onClose, onHelp }: { open: boolean; onClose: () => void; onHelp: () => void }) {
  return (
    <BaseDialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <BaseDialog.Portal>
        <BaseDialog.Backdrop className={styles["veil"]} />
        <BaseDialog.Popup className={styles["palette"]} aria-label="Search or run anything" data-testid="palette">
          <Content onClose={onClose} onHelp={onHelp} />
        </BaseDialog.Popup>
      </BaseDialog.Portal>
    </BaseDialog.Root>
  );
}

function Content({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const entries = useEntries(onHelp);
  const found = useMemo(() => [...search(entries, query, RESULTS_MAX), ...asProfile(query)], [entries, query]);
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [at, found]);

  const run = (entry: PaletteEntry | undefined) => {
    if (!entry) return;
    onClose();
    entry.run();
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (event.key === "Enter") run(found[at]);
    else if (step !== undefined) setAt(Math.max(0, Math.min(found.length - 1, at + step)));
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input
        role="combobox"
        aria-label="Search or run anything"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={found[at] && `${id}-${at}`}
        placeholder="Search or run anything"
        data-testid="palette-input"
        value={query}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => {
          setQuery(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKey}
      />
      <div ref={list} id={`${id}-list`} className={styles["results"]} role="listbox" aria-label="Results">
        {found.map((entry, index) => (
          <div key={entry.id} role="presentation">
            {entry.group !== found[index - 1]?.group && <h3 role="presentation">{entry.group}</h3>}
            <div
              id={`${id}-${index}`}
              className={styles["entry"]}
              role="option"
              aria-selected={index === at}
              data-testid="palette-entry"
              onPointerMove={() => setAt(index)}
              onClick={() => run(entry)}
            >
              {entry.title}
              {entry.hint !== undefined && <span className={styles["hint"]}>{entry.hint}</span>}
              {entry.keys !== undefined && <KeyHint keys={entry.keys} />}
            </div>
          </div>
        ))}
        {found.length <= 1 && query.trim() !== "" && <div className={styles["none"]}>Nothing else is called that. Topics, groups and schemas are those of the chosen cluster.</div>}
      </div>
    </>
  );
}

/** Whatever is written may be somebody's identifier. */
function asProfile(query: string): PaletteEntry[] {
  const text = query.trim();
  return text === "" ? [] : [{ id: "profiles", group: "Profiles", title: `Search profiles for “${text}”`, run: () => navigate(path("profiles", { search: text })) }];
}

function useEntries(onHelp: () => void): readonly PaletteEntry[] {
  const cluster = useCluster();
  const ofScreens = useAllPaletteEntries();
  const known = { enabled: cluster !== "" };
  const topics = useCall("topic_list", { cluster }, known).data?.topics;
  const groups = useCall("group_list", { cluster }, known).data;
  const clusters = useCall("cluster_list", {}).data;
  const hasRegistry = clusters?.find(({ name }) => name === cluster)?.registry != null;
  const subjects = useCall("subject_list", { cluster, details: false }, { enabled: hasRegistry }).data?.subjects;
  const audiences = useCall("audience_list", {}).data;
  const traits = useCall("trait_list", {}).data;
  const sources = useCall("source_list", {}).data;
  const syncs = useCall("sync_list", {}).data;
  return useMemo(() => {
    const go = (group: string, title: string, to: string, hint?: string): PaletteEntry => ({ id: `${group} ${title}`, group, title, hint, run: () => navigate(to) });
    const act = (title: string, run: () => void, keys?: string): PaletteEntry => ({ id: `Actions ${title}`, group: "Actions", title, run, keys });
    return [
      ...ofScreens,
      ...SCREENS.map((screen) => ({ ...go("Screens", screen.title, path(screen.id)), keys: `g ${screen.key}` })),
      ...(topics ?? []).filter((topic) => !topic.internal).map((topic) => go("Topics", topic.name, path("topics", cluster, topic.name), topic.records === null ? undefined : `${compact(topic.records)} records`)),
      ...(groups ?? []).map((group) => go("Groups", group.group, path("groups", cluster, group.group), group.status)),
      ...(subjects ?? []).map(({ subject }) => go("Schemas", subject, path("schemas", cluster, subject))),
      ...(audiences ?? []).map((audience) => go("Audiences", audience.title ?? audience.name, path("audiences", audience.name), audience.members === null ? undefined : `${compact(audience.members)} members`)),
      ...(traits ?? []).map((trait) => go("Traits", trait.name, path("traits", trait.name), trait.title ?? undefined)),
      ...(sources ?? []).map((source) => go("Sources", source.name, path("events", source.name), sourceFrom(source.definition))),
      ...(syncs ?? []).map((sync) => go("Syncs", sync.name, path("destinations", sync.definition.destination, { sync: sync.name }), `${sync.definition.audience} to ${sync.definition.destination}`)),
      ...(clusters ?? []).filter((each) => each.name !== cluster).map((each) => act(`Switch to cluster ${each.name}`, () => switchCluster(each.name))),
      act("Use the dark theme", () => themeChoice.set("dark")),
      act("Use the light theme", () => themeChoice.set("light")),
      act("Follow the desktop's theme", () => themeChoice.set("system")),
      act("Show all keys", onHelp, "?"),
    ];
  }, [ofScreens, topics, groups, subjects, audiences, traits, sources, syncs, clusters, cluster, onHelp]);
}
