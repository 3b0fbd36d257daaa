import { useEffect, useState } from "react";
import type { AudienceDefinition } from "@/bindings";
import { asGroup } from "./model";

/** A value once it has rested: what is typed is not evaluated letter by letter. */
export function useSettled<T>(value: T, restMs: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(() => value), restMs);
    return () => clearTimeout(timer);
  }, [value, restMs]);
  return settled;
}

export interface Draft {
  definition: AudienceDefinition;
  set: (definition: AudienceDefinition) => void;
  /** Differs from what is published. */
  changed: boolean;
  discard: () => void;
}

/** What is edited, apart from what is published; an outside edit shows as long as nothing was changed here. */
export function useDraft(published: AudienceDefinition): Draft {
  const [own, setOwn] = useState<AudienceDefinition | null>(null);
  const definition = own ?? published;
  const changed = own !== null && JSON.stringify(comparable(own)) !== JSON.stringify(comparable(published));
  return { definition, set: setOwn, changed, discard: () => setOwn(null) };
}

function comparable({ title = null, description = null, condition = null, sql = null }: AudienceDefinition): unknown {
  return { title: title ?? null, description: description ?? null, sql: sql ?? null, condition: sql == null ? asGroup(condition) : null };
}
