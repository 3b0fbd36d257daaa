/** The compatibility level of a subject, or the registry's own; choosing another shows what changes, and asks once. */

import { useState } from "react";
import type { SchemaChange } from "@/bindings";
import { Select } from "@/shared/controls";
import { ChangeDialog } from "./ChangeDialog";
import { LEVEL_HINTS, LEVELS } from "./model";

interface LevelPickProps {
  cluster: string;
  /** Null: the registry's own. */
  subject: string | null;
  level: string | null;
  /** The registry's own, where a subject is chosen for; null: it is not known. */
  global: string | null;
  /** The level is the registry's own. */
  isGlobal?: boolean;
  readOnly: boolean;
}

const OWN = "default";

export function LevelPick({ cluster, subject, level, global, isGlobal = false, readOnly }: LevelPickProps) {
  const [change, setChange] = useState<SchemaChange | null>(null);
  const choices = [
    ...(subject === null ? [] : [{ value: OWN, label: `${global === null ? "" : `${global}, `}the registry’s own` }]),
    ...LEVELS.map((value) => ({ value, label: value, hint: LEVEL_HINTS[value] })),
  ];
  const shown = isGlobal ? OWN : (level ?? "not known");
  return (
    <>
      <Select
        label={subject === null ? "The registry’s own compatibility level" : `Compatibility level of ${subject}`}
        prefix={subject === null ? "Registry:" : "Level:"}
        value={shown}
        choices={choices}
        disabled={readOnly}
        onChange={(next) => next !== shown && setChange({ kind: "set_level", subject, level: next === OWN ? null : next })}
        testId={subject === null ? "level-global" : "level"}
      />
      {change !== null && <ChangeDialog cluster={cluster} change={change} action="Set the level" onClose={() => setChange(null)} />}
    </>
  );
}
