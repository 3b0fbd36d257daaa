/** A form drawn from a description: connectors describe their settings, the window draws them. */

import { useId, useState, type ReactNode, type SubmitEvent } from "react";
import { Button, Combobox, Select, Switch, type Choice } from "./controls";
import controls from "./controls.module.css";
import styles from "./Form.module.css";
import { SqlEditor } from "./sql/SqlEditor";

export type FieldKind = "text" | "multiline" | "number" | "boolean" | "choice" | "suggest" | "secret" | "sql";

export interface Field {
  name: string;
  label: string;
  kind: FieldKind;
  help?: string;
  placeholder?: string;
  /** Absent: it may be left empty. */
  required?: boolean;
  /** Of `choice` and `suggest`. */
  choices?: readonly Choice[];
  /** After a number: `ms`, `rows`. */
  unit?: string;
  min?: number;
  max?: number;
}

export type FormValue = string | number | boolean | null;
export type FormValues = Readonly<Record<string, FormValue>>;

export interface FormProps {
  fields: readonly Field[];
  values: FormValues;
  onChange: (values: FormValues) => void;
  onSubmit?: () => void;
  submit?: string;
  actions?: ReactNode;
  /** By field: what is wrong with it, as the engine says. */
  errors?: Readonly<Record<string, string>>;
  busy?: boolean;
  testId?: string;
}

/** What is wrong before anything is sent; empty when nothing is. */
export function check(fields: readonly Field[], values: FormValues): Record<string, string> {
  const wrong: Record<string, string> = {};
  for (const field of fields) {
    const value = values[field.name] ?? null;
    const empty = value === null || (typeof value === "string" && value.trim() === "");
    if (empty) {
      if (field.required) wrong[field.name] = `${field.label} is needed.`;
    } else if (field.kind === "number") {
      const n = Number(value);
      if (!Number.isFinite(n)) wrong[field.name] = `${field.label} must be a number.`;
      else if (field.min !== undefined && n < field.min) wrong[field.name] = `${field.label} must be at least ${field.min}.`;
      else if (field.max !== undefined && n > field.max) wrong[field.name] = `${field.label} must be at most ${field.max}.`;
    } else if (field.kind === "choice" && !field.choices?.some((choice) => choice.value === value)) {
      wrong[field.name] = `${field.label} must be one of its choices.`;
    }
  }
  return wrong;
}

export function Form({ fields, values, onChange, onSubmit, submit = "Save", actions, errors, busy = false, testId = "form" }: FormProps) {
  const [tried, setTried] = useState(false);
  const own = check(fields, values);
  const shown = { ...errors, ...(tried ? own : {}) };
  const send = (event: SubmitEvent) => {
    event.preventDefault();
    setTried(true);
    if (Object.keys(own).length === 0) onSubmit?.();
  };
  return (
    <form className={styles["form"]} onSubmit={send} noValidate data-testid={testId}>
      {fields.map((field) => (
        <FieldView key={field.name} field={field} value={values[field.name] ?? null} wrong={shown[field.name]} testId={`${testId}-${field.name}`} onChange={(value) => onChange({ ...values, [field.name]: value })} />
      ))}
      {onSubmit && (
        <div className={styles["foot"]}>
          {actions}
          <Button kind="primary" type="submit" disabled={busy} testId={`${testId}-submit`}>{submit}</Button>
        </div>
      )}
    </form>
  );
}

interface FieldViewProps {
  field: Field;
  value: FormValue;
  wrong: string | undefined;
  testId: string;
  onChange: (value: FormValue) => void;
}

function FieldView({ field, value, wrong, testId, onChange }: FieldViewProps) {
  const id = useId();
  if (field.kind === "boolean") {
    return (
      <div className={styles["field"]}>
        <Switch label={field.label} checked={value === true} onChange={onChange} testId={testId} />
        {field.help !== undefined && <div className={styles["help"]}>{field.help}</div>}
      </div>
    );
  }
  const about = [field.help === undefined ? null : `${id}-help`, wrong === undefined ? null : `${id}-wrong`].filter(Boolean).join(" ");
  return (
    <div className={styles["field"]}>
      <label className={styles["label"]} htmlFor={id}>
        {field.label}
        {!field.required && <span className={styles["optional"]}>optional</span>}
      </label>
      <Control id={id} about={about} field={field} value={value} wrong={wrong !== undefined} testId={testId} onChange={onChange} />
      {field.help !== undefined && <div id={`${id}-help`} className={styles["help"]}>{field.help}</div>}
      {wrong !== undefined && <div id={`${id}-wrong`} className={styles["wrong"]} role="alert">{wrong}</div>}
    </div>
  );
}

function Control({ id, about, field, value, wrong, testId, onChange }: Omit<FieldViewProps, "wrong"> & { id: string; about: string; wrong: boolean }) {
  const text = value === null ? "" : String(value);
  const common = {
    id,
    value: text,
    placeholder: field.placeholder,
    className: controls["input"],
    spellCheck: false,
    autoComplete: "off",
    "aria-invalid": wrong,
    "aria-required": field.required,
    "aria-describedby": about || undefined,
    "data-testid": testId,
  };
  switch (field.kind) {
    case "choice":
      return <Select label={field.label} value={text} choices={field.choices ?? []} onChange={onChange} testId={testId} />;
    case "suggest":
      return <Combobox label={field.label} value={text} choices={field.choices ?? []} free onChange={onChange} testId={testId} />;
    case "sql":
      return <div className={styles["sql"]}><SqlEditor label={field.label} value={text} onChange={onChange} testId={testId} /></div>;
    case "multiline":
      return <textarea {...common} onChange={(event) => onChange(event.target.value)} />;
    case "number":
      return (
        <div className={styles["unit"]}>
          <input {...common} inputMode="decimal" onChange={(event) => onChange(asNumber(event.target.value))} />
          {field.unit !== undefined && <span>{field.unit}</span>}
        </div>
      );
    default:
      return <input {...common} type={field.kind === "secret" ? "password" : "text"} onChange={(event) => onChange(event.target.value)} />;
  }
}

/** A number once it is one; what is still being typed stays as it is. */
function asNumber(text: string): FormValue {
  if (text.trim() === "") return null;
  return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text;
}
