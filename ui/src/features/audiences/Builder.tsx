/** The visual builder: a view of the condition tree. */

import { createContext, useContext } from "react";
import type { Condition, Observed } from "@/bindings";
import { Button, Select } from "@/shared/controls";
import { number } from "@/shared/format";
import { ConditionFields } from "./ConditionFields";
import styles from "./audiences.module.css";
import { append, change, children, kindOf, negate, pathName, type Path } from "./model";

export interface BuilderContext {
  observed: Observed | undefined;
  /** Of each condition alone, by its path. */
  sizes: ReadonlyMap<string, number>;
  /** This audience: it cannot be part of itself. */
  name: string;
  edit: (path: Path, edit: (condition: Condition) => Condition | null) => void;
}

const Context = createContext<BuilderContext>({ observed: undefined, sizes: new Map(), name: "", edit: () => {} });

export function Builder({ root, onChange, ...rest }: Omit<BuilderContext, "edit"> & { root: Condition; onChange: (root: Condition) => void }) {
  const edit: BuilderContext["edit"] = (path, how) => onChange(change(root, path, how) ?? { all: [] });
  return (
    <Context value={{ ...rest, edit }}>
      <div data-testid="builder"><Group condition={root} path={[]} /></div>
    </Context>
  );
}

const GROUPS = [{ value: "all", label: "All of" }, { value: "any", label: "Any of" }] as const;

function Group({ condition, path }: { condition: Condition; path: Path }) {
  const { edit } = useContext(Context);
  const all = "all" in condition;
  const turn = (kind: "all" | "any") => edit(path, (group) => (kind === "all" ? { all: [...children(group)] } : { any: [...children(group)] }));
  const add = (added: Condition) => edit(path, (group) => append(group, added));
  return (
    <div>
      <div className={styles["groupHead"]}>
        <Select label="Group" value={all ? "all" : "any"} choices={GROUPS} onChange={turn} testId={`group-${pathName(path) || "root"}`} />
        {path.length > 0 && <Button kind="quiet" onClick={() => edit(path, () => null)} aria-label="Remove the group">×</Button>}
      </div>
      <div className={styles["group"]}>
        {children(condition).map((child, index) => <Node key={index} condition={child} path={[...path, index]} />)}
        <Add onAdd={add} path={path} />
      </div>
    </div>
  );
}

function Node({ condition, path }: { condition: Condition; path: Path }) {
  if ("all" in condition || "any" in condition) return <Group condition={condition} path={path} />;
  const inner = "not" in condition ? condition.not : condition;
  // A negated group keeps its own frame under a line that says so.
  if ("all" in inner || "any" in inner || "not" in inner) return <NegatedGroup condition={inner} path={path} />;
  return <Line condition={inner} negated={"not" in condition} path={path} />;
}

function NegatedGroup({ condition, path }: { condition: Condition; path: Path }) {
  const { edit } = useContext(Context);
  return (
    <div>
      <Button kind="quiet" onClick={() => edit(path, negate)} aria-label="Not: click to remove the negation">not</Button>
      <Node condition={condition} path={[...path, 0]} />
    </div>
  );
}

function Line({ condition, negated, path }: { condition: Condition; negated: boolean; path: Path }) {
  const { edit, sizes, observed, name } = useContext(Context);
  const size = sizes.get(pathName(path));
  const set = (next: Condition) => edit(path, (before) => ("not" in before ? { not: next } : next));
  return (
    <div className={styles["condition"]} data-testid={`condition-${pathName(path)}`} data-kind={kindOf(condition)}>
      <div className={styles["fields"]}><ConditionFields condition={condition} negated={negated} onNegate={() => edit(path, negate)} onChange={set} observed={observed} audience={name} testId={`condition-${pathName(path)}`} /></div>
      <span className={styles["tail"]}>
        {size !== undefined && <span className="mono" data-testid={`size-${pathName(path)}`} title="Profiles for which this condition alone holds">{number(size)}</span>}
        <Button kind="quiet" aria-label="Remove the condition" onClick={() => edit(path, () => null)} testId={`remove-${pathName(path)}`}>×</Button>
      </span>
    </div>
  );
}

type Addable = "performed" | "attribute" | "trait" | "in_audience" | "sql" | "group";

const ADDABLE: readonly { value: Addable; label: string; hint: string }[] = [
  { value: "performed", label: "Did something", hint: "an event, how often, when" },
  { value: "attribute", label: "Has an attribute", hint: "a column of a warehouse table" },
  { value: "trait", label: "Has a trait", hint: "computed, SQL or learnt" },
  { value: "in_audience", label: "Is in an audience", hint: "" },
  { value: "sql", label: "SQL", hint: "a predicate over profiles" },
  { value: "group", label: "Group", hint: "all or any of several" },
];

function Add({ onAdd, path }: { onAdd: (condition: Condition) => void; path: Path }) {
  const { observed } = useContext(Context);
  return (
    <div className={styles["add"]}>
      <Select label="Add a condition" value={"" as Addable} prefix="+ Condition" choices={ADDABLE} onChange={(kind) => onAdd(fresh(kind, observed))} testId={`add-${pathName(path) || "root"}`} />
    </div>
  );
}

/** A new condition with the most frequent of what was observed: it can be evaluated as it stands. */
function fresh(kind: Addable, observed: Observed | undefined): Condition {
  const table = observed?.tables[0];
  const column = table?.columns[0];
  switch (kind) {
    case "performed":
      return { performed: { event: observed?.events[0]?.event ?? "Order Completed", aggregate: "count", op: ">=", value: 1, window: "30 days" } };
    case "attribute":
      return { attribute: { table: table?.table ?? "", column: column?.name ?? "", op: "=", value: column?.values[0]?.value ?? "" } };
    case "trait":
      return { trait: { name: observed?.traits[0] ?? "", op: ">=", value: 1 } };
    case "in_audience":
      return { in_audience: observed?.audiences[0] ?? "" };
    case "sql":
      return { sql: "user_id is not null" };
    case "group":
      return { any: [] };
  }
}
