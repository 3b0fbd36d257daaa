/** The visual builder: a view of the condition tree. */

import { createContext, useContext } from "react";
import type { Condition, Observed } from "@/bindings";
import { Button, Select } from "@/shared/controls";
import { number } from "@/shared/format";
import { ConditionFields } from "./ConditionFields";
import styles from "./audiences.module.css";
import { append, change, children, groupBody, groupKind, kindOf, negate, pathName, regroup, type GroupKind, type Path } from "./model";

export interface BuilderContext {
  observed: Observed | undefined;
  /** Of each condition alone, by its path. */
  sizes: ReadonlyMap<string, number>;
  /** This audience: it cannot be part of itself. */
  name: string;
  /** The condition that the engine refused. */
  wrong: string | null;
  edit: (path: Path, edit: (condition: Condition) => Condition | null) => void;
}

const Context = createContext<BuilderContext>({ observed: undefined, sizes: new Map(), name: "", wrong: null, edit: () => {} });

export function Builder({ root, onChange, ...rest }: Omit<BuilderContext, "edit"> & { root: Condition; onChange: (root: Condition) => void }) {
  const edit: BuilderContext["edit"] = (path, how) => onChange(change(root, path, how) ?? { all: [] });
  return (
    <Context value={{ ...rest, edit }}>
      <div data-testid="builder"><Group condition={root} path={[]} /></div>
    </Context>
  );
}

const GROUPS: readonly { value: GroupKind; label: string; hint: string }[] = [
  { value: "all", label: "All of", hint: "every condition holds" },
  { value: "any", label: "Any of", hint: "one or more hold" },
  { value: "none", label: "None of", hint: "no condition holds" },
  { value: "not_all", label: "Not all of", hint: "one or more do not hold" },
];

/** `path` is that of the group as it stands in the tree: of a negated one, that of its `not`. */
function Group({ condition, path }: { condition: Condition; path: Path }) {
  const { edit, sizes } = useContext(Context);
  const kind = groupKind(condition) ?? "all";
  const body = "not" in condition ? [...path, 0] : path;
  const name = pathName(path) || "root";
  const size = path.length > 0 ? sizes.get(pathName(path)) : undefined;
  return (
    <div>
      <div className={styles["groupHead"]}>
        <Select label="Group" value={kind} choices={path.length > 0 ? GROUPS : GROUPS.slice(0, 2)} onChange={(to) => edit(path, (group) => regroup(group, to))} testId={`group-${name}`} />
        {path.length > 0 && (
          <span className={styles["tail"]}>
            {size !== undefined && <span className="mono" data-testid={`size-${name}`} title="Profiles for which this group alone holds">{number(size)}</span>}
            <Button kind="quiet" onClick={() => edit(path, () => null)} aria-label="Remove the group" testId={`remove-${name}`}>×</Button>
          </span>
        )}
      </div>
      <div className={styles["group"]}>
        {children(groupBody(condition)).map((child, index) => <Node key={index} condition={child} path={[...body, index]} />)}
        <Add onAdd={(added) => edit(body, (group) => append(group, added))} name={name} />
      </div>
    </div>
  );
}

function Node({ condition, path }: { condition: Condition; path: Path }) {
  if (groupKind(condition) !== null) return <Group condition={condition} path={path} />;
  const inner = "not" in condition ? condition.not : condition;
  if ("not" in inner) return <TwiceNegated condition={inner} path={path} />;
  return <Line condition={inner} negated={"not" in condition} path={path} />;
}

/** `not not`: written by hand, and shown as it is. */
function TwiceNegated({ condition, path }: { condition: Condition; path: Path }) {
  const { edit } = useContext(Context);
  return (
    <div>
      <Button kind="quiet" onClick={() => edit(path, negate)} title="Click to take the negation away">not</Button>
      <Node condition={condition} path={[...path, 0]} />
    </div>
  );
}

function Line({ condition, negated, path }: { condition: Condition; negated: boolean; path: Path }) {
  const { edit, sizes, observed, name, wrong } = useContext(Context);
  const at = pathName(path);
  const size = sizes.get(at);
  const set = (next: Condition) => edit(path, (before) => ("not" in before ? { not: next } : next));
  const table = "attribute" in condition && condition.attribute.table !== "" ? condition.attribute.table : null;
  const isWrong = wrong !== null && (wrong === at || wrong === `${at}.0`);
  return (
    <div className={styles["condition"]} data-testid={`condition-${at}`} data-kind={kindOf(condition)} data-wrong={isWrong ? "" : undefined}>
      <div className={styles["fields"]}><ConditionFields condition={condition} negated={negated} onNegate={() => edit(path, negate)} onChange={set} observed={observed} audience={name} testId={`condition-${at}`} /></div>
      <span className={styles["tail"]}>
        {table !== null && <span>{table}{size !== undefined && " ·"}</span>}
        {size !== undefined && <span className="mono" data-testid={`size-${at}`} title="Profiles for which this condition alone holds">{number(size)}</span>}
        <Button kind="quiet" aria-label="Remove the condition" onClick={() => edit(path, () => null)} testId={`remove-${at}`}>×</Button>
      </span>
    </div>
  );
}

type Addable = "performed" | "attribute" | "trait" | "in_audience" | "sql" | "group";

const ADDABLE: readonly { value: Addable; label: string; hint: string }[] = [
  { value: "performed", label: "Did something", hint: "an event, how often, when" },
  { value: "attribute", label: "Has an attribute", hint: "a column of a warehouse table" },
  { value: "trait", label: "Has a trait", hint: "computed, SQL or learnt" },
  { value: "in_audience", label: "Is in an audience", hint: "or is not" },
  { value: "sql", label: "SQL", hint: "a predicate over profiles" },
  { value: "group", label: "Group", hint: "all, any or none of several" },
];

function Add({ onAdd, name }: { onAdd: (condition: Condition) => void; name: string }) {
  const context = useContext(Context);
  return (
    <div className={styles["add"]}>
      <Select label="Add a condition" value={"" as Addable} prefix="+ Condition" choices={ADDABLE} onChange={(kind) => onAdd(fresh(kind, context))} testId={`add-${name}`} />
    </div>
  );
}

/** A new condition with the most frequent of what was observed: it can be evaluated as it stands. */
function fresh(kind: Addable, { observed, name }: Pick<BuilderContext, "observed" | "name">): Condition {
  const table = observed?.tables[0];
  const column = table?.columns.find(({ values }) => values.length > 0) ?? table?.columns[0];
  switch (kind) {
    case "performed":
      return { performed: { event: observed?.events[0]?.event ?? "Order Completed", aggregate: "count", op: ">=", value: 1, window: "30 days" } };
    case "attribute":
      return { attribute: { table: table?.table ?? "", column: column?.name ?? "", op: "=", value: column?.values[0]?.value ?? "" } };
    case "trait":
      return { trait: { name: observed?.traits[0] ?? "", op: ">=", value: 1 } };
    case "in_audience":
      return { in_audience: observed?.audiences.find((other) => other !== name) ?? "" };
    case "sql":
      return { sql: "user_id is not null" };
    case "group":
      return { any: [fresh("performed", { observed, name })] };
  }
}
