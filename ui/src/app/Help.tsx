import { Fragment } from "react";
import { KeyHint } from "@/shared/controls";
import { Dialog } from "@/shared/overlay";
import { useShortcuts, type Shortcut } from "@/shared/shortcuts";
import styles from "./shell.module.css";

/** Keys that a part listens for itself, whichever screen it is on. */
const EVERYWHERE: readonly Omit<Shortcut, "run">[] = [
  { keys: "Shift Enter", label: "Run the query or filter", group: "Editor" },
  { keys: "Ctrl Space", label: "Complete", group: "Editor" },
  { keys: "↑ ↓ PgUp PgDn", label: "Move", group: "Table" },
  { keys: "Home End", label: "First, last row", group: "Table" },
  { keys: "Enter", label: "Open the row", group: "Table" },
  { keys: "↓", label: "From the search to the first row", group: "Table" },
  { keys: "Esc", label: "Close, or clear the search", group: "Window" },
];

export function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  const all = [...useShortcuts(), ...EVERYWHERE];
  const groups = [...new Set(all.map((entry) => entry.group))];
  return (
    <Dialog open={open} onClose={onClose} title="Keys" width={640} testId="help">
      <div className={styles["keys"]}>
        {groups.map((group) => (
          <Fragment key={group}>
            <h3>{group}</h3>
            {all.filter((entry) => entry.group === group).map((entry) => (
              <div key={`${entry.keys} ${entry.label}`}>{entry.label}<KeyHint keys={entry.keys} /></div>
            ))}
          </Fragment>
        ))}
      </div>
    </Dialog>
  );
}
