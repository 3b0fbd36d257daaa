/** One condition as words with gaps: `did [Order Completed] [at least] [3] times in the last [14 days]`. */

import { useState } from "react";
import type { Condition, ObservedProperty, Observed, Performed, PropertyCondition, Span } from "@/bindings";
import { Button, Combobox, Select, TextInput, type Choice } from "@/shared/controls";
import { compact } from "@/shared/format";
import { SqlEditor } from "@/shared/sql/SqlEditor";
import styles from "./audiences.module.css";
import { fromValue, listPrefix, OPERATORS, takesList, takesValue, TIMES, toValue, withOperator } from "./model";

interface FieldsProps {
  condition: Condition;
  negated: boolean;
  onNegate: () => void;
  onChange: (condition: Condition) => void;
  observed: Observed | undefined;
  /** Whose condition it is. */
  audience: string;
  testId: string;
}

export function ConditionFields(props: FieldsProps) {
  const { condition, onChange, observed, testId } = props;
  if ("performed" in condition) return <PerformedFields {...props} performed={condition.performed} />;
  if ("attribute" in condition) {
    const { attribute } = condition;
    const choices = (observed?.tables ?? []).flatMap(({ table, columns }) => columns.map(({ name }) => ({ value: `${table}.${name}`, label: name, hint: table })));
    const columnOf = (table: string, name: string) => observed?.tables.find((each) => each.table === table)?.columns.find((each) => each.name === name);
    const column = columnOf(attribute.table, attribute.column);
    const choose = (full: string) => {
      const dot = full.lastIndexOf(".");
      const [table, name] = [full.slice(0, Math.max(0, dot)), full.slice(dot + 1)];
      onChange({ attribute: { table, column: name, ...carried(attribute, columnOf(table, name)) } });
    };
    return (
      <>
        <Combobox label="Column" tone="info" value={attribute.table === "" ? "" : `${attribute.table}.${attribute.column}`} choices={known(choices, attribute)} onChange={choose} width={width(attribute.column)} testId={`${testId}-field`} />
        <Comparison {...props} compared={attribute} property={column} onCompare={(next) => onChange({ attribute: compare(attribute, next) })} />
      </>
    );
  }
  if ("trait" in condition) {
    const { trait } = condition;
    return (
      <>
        <Combobox label="Trait" tone="info" value={trait.name} choices={(observed?.traits ?? []).map(plain)} free onChange={(name) => onChange({ trait: { ...trait, name } })} width={width(trait.name)} testId={`${testId}-field`} />
        <Comparison {...props} compared={trait} property={undefined} onCompare={(next) => onChange({ trait: compare(trait, next) })} />
      </>
    );
  }
  if ("in_audience" in condition) {
    return (
      <>
        <Verb {...props} yes="is in" no="is not in" />
        <Combobox label="Audience" tone="info" value={condition.in_audience} choices={(observed?.audiences ?? []).filter((name) => name !== props.audience).map(plain)} onChange={(name) => onChange({ in_audience: name })} width={width(condition.in_audience)} testId={`${testId}-field`} />
      </>
    );
  }
  if ("sql" in condition) {
    return (
      <>
        <Verb {...props} yes="holds" no="does not hold" />
        <div className={styles["sqlLine"]}><SqlEditor line label="SQL predicate" value={condition.sql} onChange={(sql) => onChange({ sql })} testId={`${testId}-sql`} /></div>
      </>
    );
  }
  return null;
}

/** A column that is not there any more is shown all the same. */
function known(choices: readonly Choice[], { table, column }: { table: string; column: string }): readonly Choice[] {
  const value = `${table}.${column}`;
  return table === "" || choices.some((choice) => choice.value === value) ? choices : [{ value, label: column, hint: `${table}, not found` }, ...choices];
}

/** What was compared goes with another property, unless that one takes the value as well. */
function carried(before: Compared, property: ObservedProperty | undefined): Compared {
  const values = property?.values.map(({ value }) => value) ?? [];
  if (!takesValue(before.op) || values.length === 0 || values.includes(fromValue(before.value))) return { op: before.op, ...(before.value !== undefined && { value: before.value }) };
  return { op: takesList(before.op) || before.op === "!=" ? before.op : "=", value: toValue(values[0] ?? "", before.op, property?.data_type) };
}

const plain = (value: string) => ({ value, label: value });

/** Wide enough for what it holds. */
function width(text: string): number {
  return Math.min(280, Math.max(40, text.length * 6.9 + 20));
}

function Verb({ negated, onNegate, yes, no, testId }: Pick<FieldsProps, "negated" | "onNegate" | "testId"> & { yes: string; no: string }) {
  return <Button kind="quiet" className={styles["verb"] ?? ""} title="Click to turn it round" aria-pressed={negated} onClick={onNegate} testId={`${testId}-verb`}>{negated ? no : yes}</Button>;
}

const AGGREGATES = [
  { value: "count", label: "times" }, { value: "sum", label: "sum of" }, { value: "avg", label: "average of" }, { value: "min", label: "minimum of" }, { value: "max", label: "maximum of" }, { value: "distinct", label: "different values of" },
] as const;
const WINDOWS = ["1 day", "7 days", "14 days", "30 days", "90 days", "365 days"];
const SPANS = [{ value: "ever", label: "ever" }, { value: "last", label: "in the last" }] as const;

function PerformedFields(props: FieldsProps & { performed: Performed }) {
  const { performed, onChange, observed, testId } = props;
  const event = observed?.events.find((each) => each.event === performed.event);
  const set = (next: Partial<Performed>) => onChange({ performed: { ...performed, ...next } });
  const aggregate = (to: Performed["aggregate"]) => {
    const { property: _, ...rest } = performed;
    onChange({ performed: to === "count" ? { ...rest, aggregate: to } : { ...performed, aggregate: to, property: performed.property ?? event?.properties[0]?.name ?? "" } });
  };
  const where = performed.where ?? [];
  const setWhere = (next: readonly PropertyCondition[]) => set({ where: [...next] });
  const properties = (event?.properties ?? []).map(({ name, data_type }) => ({ value: name, label: name, hint: data_type.toLowerCase() }));
  const propertyOf = (name: string) => event?.properties.find((each) => each.name === name);
  // The first that has values: with the most frequent one it can be evaluated as it stands.
  const first = event?.properties.find(({ values }) => values.length > 0) ?? event?.properties[0];
  const fresh: PropertyCondition = { property: first?.name ?? "", op: "=", value: first?.values[0]?.value ?? "" };
  const counted = AGGREGATES.map((each) => (each.value === "count" && performed.value === 1 ? { ...each, label: "time" } : each));
  return (
    <>
      <Verb {...props} yes="did" no="did not" />
      <Combobox label="Event" tone="info" value={performed.event} choices={(observed?.events ?? []).map((each) => ({ value: each.event, label: each.event, hint: compact(each.count) }))} free onChange={(name) => set({ event: name })} width={width(performed.event)} testId={`${testId}-event`} />
      {performed.aggregate !== "count" && <span className="mute">with</span>}
      {performed.aggregate !== "count" && <Select label="Aggregate" value={performed.aggregate} choices={AGGREGATES} onChange={aggregate} testId={`${testId}-aggregate`} />}
      {performed.aggregate !== "count" && <Combobox label="Property" tone="info" value={performed.property ?? ""} choices={properties} free onChange={(property) => set({ property })} width={width(performed.property ?? "")} testId={`${testId}-property`} />}
      <Select label="How many" value={performed.op} choices={TIMES} onChange={(op) => set({ op })} testId={`${testId}-op`} />
      <NumberInput label="Number" value={performed.value} onChange={(value) => set({ value })} testId={`${testId}-value`} />
      {performed.aggregate === "count" && <Select label="Aggregate" value="count" choices={counted} onChange={aggregate} testId={`${testId}-aggregate`} />}
      <Window span={performed.window ?? null} onChange={(window) => {
        const { window: _, ...rest } = performed;
        onChange({ performed: window === null ? rest : { ...performed, window } });
      }} testId={testId} />
      {where.length === 0 && <Button kind="quiet" onClick={() => setWhere([fresh])} testId={`${testId}-where`}>+ where</Button>}
      {where.map((each, index) => (
        <div key={index} className={styles["where"]}>
          <span className="mute">{index === 0 ? "where" : "and"}</span>
          <Combobox label="Property" tone="info" value={each.property} choices={properties} free onChange={(property) => setWhere(where.with(index, { property, ...carried(each, propertyOf(property)) }))} width={width(each.property)} testId={`${testId}-where-${index}-property`} />
          <Compare label="Value" compared={each} property={propertyOf(each.property)} onCompare={(next) => setWhere(where.with(index, compare(each, next)))} testId={`${testId}-where-${index}`} />
          <Button kind="quiet" aria-label="Remove this filter" onClick={() => setWhere(where.filter((_, at) => at !== index))} testId={`${testId}-where-${index}-remove`}>×</Button>
          {index === where.length - 1 && <Button kind="quiet" onClick={() => setWhere([...where, fresh])} testId={`${testId}-and`}>+ and</Button>}
        </div>
      ))}
    </>
  );
}

function Window({ span, onChange, testId }: { span: Span | null; onChange: (span: Span | null) => void; testId: string }) {
  return (
    <>
      <Select label="When" value={span === null ? "ever" : "last"} choices={SPANS} onChange={(kind) => onChange(kind === "ever" ? null : "30 days")} testId={`${testId}-when`} />
      {span !== null && <Combobox label="Window" value={span} choices={WINDOWS.map(plain)} free onChange={onChange} width={width(span)} testId={`${testId}-window`} />}
    </>
  );
}

/** Keeps what is being written (`1.`, `-`) until it is a number; leaving the field shows the number that counts. */
function NumberInput({ label, value, onChange, testId }: { label: string; value: number; onChange: (value: number) => void; testId: string }) {
  const [text, setText] = useState(String(value));
  const [written, setWritten] = useState(value);
  if (value !== written) {
    setWritten(value);
    setText(String(value));
  }
  const write = (next: string) => {
    if (!/^-?\d*(\.\d*)?$/.test(next)) return;
    setText(next);
    if (!/\d/.test(next)) return;
    setWritten(Number(next));
    onChange(Number(next));
  };
  return <TextInput label={label} inputMode="decimal" value={text} onChange={write} onBlur={() => setText(String(value))} style={{ width: Math.max(36, text.length * 8 + 20) }} testId={testId} />;
}

type Compared = Pick<PropertyCondition, "op" | "value">;

/** What was compared before goes: an operator that stands alone has no value. */
function compare<C extends Compared>({ value: _, op: __, ...rest }: C, next: Compared): C {
  return { ...rest, ...next } as C;
}

interface CompareProps {
  label: string;
  compared: Compared;
  property: ObservedProperty | undefined;
  onCompare: (next: Compared) => void;
  testId: string;
}

function Comparison({ negated, onNegate, ...rest }: Omit<FieldsProps, "condition" | "onChange"> & Omit<CompareProps, "label">) {
  return (
    <>
      {negated && <Verb negated onNegate={onNegate} yes="" no="not" testId={rest.testId} />}
      <Compare label="Value" {...rest} />
    </>
  );
}

/** An operator and, unless it stands alone, its value, completed from the values observed. */
function Compare({ label, compared, property, onCompare, testId }: CompareProps) {
  const type = property?.data_type;
  const [text, setText] = useState(fromValue(compared.value));
  // What is being written (`shoes, `) is kept as long as it means what is compared.
  const meant = fromValue(toValue(text, compared.op, type));
  const now = fromValue(compared.value);
  if (meant !== now && text !== now) setText(now);
  const list = takesList(compared.op);
  const prefix = list ? listPrefix(text) : "";
  const taken = new Set(prefix.split(",").map((each) => each.trim()));
  const choices = (property?.values ?? []).filter(({ value }) => !taken.has(value)).map(({ value, count }) => ({ value: prefix + value, label: prefix + value, hint: compact(count) }));
  const write = (next: string) => {
    setText(next);
    onCompare({ ...compared, value: toValue(next, compared.op, type) });
  };
  return (
    <>
      <Select label="Operator" value={compared.op} choices={OPERATORS} onChange={(op) => onCompare(withOperator(compared, op, type))} testId={`${testId}-operator`} />
      {takesValue(compared.op) && (
        <Combobox label={label} tone="accent" value={text} choices={choices} free placeholder={compared.op === "between" ? "1, 10" : list ? "one, another" : "value"} onChange={write} width={width(text || "one, another")} testId={`${testId}-compared`} />
      )}
    </>
  );
}
